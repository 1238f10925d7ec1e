// A place where hubs run one after the other: one data directory, the same ports.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { startHub } from '../../test/support/hub-process.ts';
import { usage } from '../machine.mjs';

/** @typedef {import('../../test/support/hub-process.ts').RunningHub} Hub */
/** @typedef {Record<string, any> & { id: string, type: string }} FlowNode */

/**
 * @typedef {object} SiteOptions
 * @property {(flow: FlowNode[]) => FlowNode[]} [flow] changes the shipped flow
 * @property {Record<string, string>} [env] of the hub's process
 * @property {string} [dataDir] an empty directory, which stays; otherwise a temporary one is made and removed
 */

/**
 * @typedef {object} Site
 * @property {string} dataDir
 * @property {Hub} hub the one that runs, or ran last; its `url` and `mqttPort` are the same for all
 * @property {() => Promise<number>} start the next one; milliseconds until it was ready
 * @property {(afterMs: number) => Promise<void>} startAndKill SIGKILL while the next one starts, at the latest when it
 *   is ready
 * @property {() => Promise<void>} kill SIGKILL
 * @property {() => Promise<number | null>} stop SIGTERM; the exit code, null if it had to be killed
 * @property {() => boolean} runs
 * @property {() => number} peakRss bytes, of all hubs so far
 */

/** What nobody waits longer for. */
const stopMs = 40_000;

const root = join(import.meta.dirname, '../..');

/** @type {Set<number>} */
const running = new Set();
process.on('exit', () => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => process.exit(1));

/**
 * Starts a hub for as long as `work` takes; a site that runs already is used and left as it is.
 * @template T
 * @param {SiteOptions | Site} options @param {(site: Site) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withSite(options, work) {
  if ('start' in options) return work(options);
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'llm-iot-torture-')));
  const site = await createSite(dataDir, options);
  try {
    await site.start();
    return await work(site);
  } finally {
    await site.kill();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

/** @param {string} dataDir @param {SiteOptions} options @returns {Promise<Site>} */
async function createSite(dataDir, { flow, env }) {
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  if (flow) await layFlow(dataDir, flow);
  const ports = { LLM_IOT_HTTP_PORT: String(httpPort), LLM_IOT_MQTT_PORT: String(mqttPort) };
  const options = { dataDir, env: { ...env, ...ports } };
  let peakRss = 0;
  const note = () => {
    if (!site.hub) return;
    const { peakRss: peak } = usage(site.hub.pid);
    // A process that is gone has none.
    if (peak > peakRss) peakRss = peak;
  };
  /** @type {Site} */
  const site = {
    dataDir,
    hub: /** @type {any} */ (undefined),
    async startAndKill(afterMs) {
      const signal = AbortSignal.timeout(afterMs);
      const hub = await startHub({ ...options, signal }).catch(() => undefined);
      await hub?.kill();
    },
    async start() {
      const before = performance.now();
      const hub = await startHub(options);
      running.add(hub.pid);
      site.hub = {
        ...hub,
        url: `http://127.0.0.1:${httpPort}`,
        mqttUrl: `mqtt://127.0.0.1:${mqttPort}`,
        mqttPort,
      };
      return performance.now() - before;
    },
    async kill() {
      // A hub that could not start is gone already.
      if (!site.hub) return;
      note();
      await site.hub.kill();
      running.delete(site.hub.pid);
    },
    async stop() {
      note();
      const watch = setInterval(note, 50);
      const patience = setTimeout(() => process.kill(site.hub.pid, 'SIGKILL'), stopMs);
      const code = await site.hub.stop();
      clearInterval(watch);
      clearTimeout(patience);
      running.delete(site.hub.pid);
      return code;
    },
    runs: () => running.has(site.hub?.pid),
    peakRss() {
      note();
      return peakRss;
    },
  };
  return site;
}

/** @param {string} dataDir @param {(flow: FlowNode[]) => FlowNode[]} change */
async function layFlow(dataDir, change) {
  const shipped = JSON.parse(await readFile(join(root, 'flows/hub.json'), 'utf8'));
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, 'flows.json'), JSON.stringify(change(shipped)));
}
