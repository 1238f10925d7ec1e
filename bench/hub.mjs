// Hubs to measure: as `npm start` runs them, one after the other.
import { startHub } from '../test/support/hub-process.ts';
import { runApart } from './apart.mjs';

/** @typedef {import('../test/support/hub-process.ts').RunningHub} Hub */

/** @type {Set<number>} */
const running = new Set();
process.on('exit', () => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/**
 * Starts a hub for as long as `work` takes; its data directory goes too, unless it was given.
 * @template T
 * @param {(hub: Hub, startMs: number) => Promise<T>} work
 * @param {string} [dataDir]
 * @returns {Promise<T>}
 */
export async function withHub(work, dataDir) {
  const before = performance.now();
  const hub = await startHub(dataDir === undefined ? {} : { dataDir });
  const startMs = performance.now() - before;
  running.add(hub.pid);
  try {
    return await work(hub, startMs);
  } finally {
    await hub.stop();
    running.delete(hub.pid);
    if (dataDir === undefined) await hub.cleanUp();
  }
}

/**
 * Registers devices over HTTP, a few at a time.
 * @param {Hub} hub @param {number} count
 * @returns {Promise<import('./mqtt-connection.mjs').Device[]>}
 */
export async function registerDevices(hub, count) {
  const { url, registrationKey } = hub;
  const { devices } = await runApart('register-http', { url, registrationKey, count, atOnce: 50 });
  return devices;
}
