// Hubs to measure: as `npm start` runs them, one after the other.
import { startHub } from '../test/support/hub-process.ts';
import { runApart } from './apart.mjs';
import { profileFolder, profileOptions } from './profile.mjs';

/** @typedef {import('../test/support/hub-process.ts').RunningHub & { startMs: number }} Hub */

/** @type {Set<number>} */
const running = new Set();
process.on('exit', () => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** @type {{ folder: string, onProfile: (folder: string) => void } | undefined} */
let profiling;

/**
 * From now on hubs are profiled; they are then ended by SIGTERM, where they else are killed.
 * @param {string} folder @param {(folder: string) => void} onProfile a hub has ended, its profiles are in this folder
 */
export function profileHubs(folder, onProfile) {
  profiling = { folder, onProfile };
}

/**
 * Starts a hub for as long as `work` takes; its data directory goes too, unless it was given.
 * @template T
 * @param {(hub: Hub) => Promise<T>} work
 * @param {{ dataDir?: string, nodeOptions?: string }} [options] `nodeOptions` for its process
 * @returns {Promise<T>}
 */
export async function withHub(work, { dataDir, nodeOptions = '' } = {}) {
  const profiles = profiling && profileFolder(profiling.folder, 'hub');
  const profileOption = profiles === undefined ? '' : profileOptions(profiles);
  const env = { NODE_OPTIONS: `${profileOption} ${nodeOptions}`.trim() };
  const before = performance.now();
  const hub = await startHub({ env, ...(dataDir !== undefined && { dataDir }) });
  const startMs = performance.now() - before;
  running.add(hub.pid);
  try {
    const kill = profiles === undefined ? hub.kill : async () => void (await hub.stop());
    return await work({ ...hub, kill, startMs });
  } catch (error) {
    console.error(`the hub said:\n${hub.output().slice(-2_000)}`);
    throw error;
  } finally {
    await hub.stop();
    running.delete(hub.pid);
    if (dataDir === undefined) await hub.cleanUp();
    if (profiles !== undefined) profiling?.onProfile(profiles);
  }
}

/** @param {Hub} hub */
export const httpPortOf = ({ url }) => Number(new URL(url).port);

/**
 * Registers devices over HTTP, a few at a time.
 * @param {Hub} hub @param {number} count
 * @returns {Promise<import('./devices/raw-connection.mjs').Device[]>}
 */
export async function registerDevices(hub, count) {
  const { url, registrationKey } = hub;
  const { devices } = await runApart('register-http', { url, registrationKey, count, atOnce: 50 });
  return devices;
}
