// Telemetry into a hub as fast as it takes it, and beside it what the hub's parts can do on their own.
import { runApart, startApart } from '../../apart.mjs';
import { count } from '../../figures.mjs';
import { registerDevices, withHub } from '../../hub.mjs';
import { assertSame, countReadings, settledAccount } from '../../ledger.mjs';
import { usage, watchUsage } from '../../machine.mjs';

/**
 * @typedef {{ connections: number, window: number }} Load QoS 1, `window` messages in flight on each connection
 * @typedef {import('../../meter.mjs').Timing} Timing
 * @typedef {(text: string) => void} Log
 *
 * @typedef {object} Ingested
 * @property {number} sent
 * @property {number} stored
 * @property {import('../../ledger.mjs').Account} account
 * @property {number} cpuUs processor time of the hub for one reading, of all threads
 * @property {number} mainCpuUs the same of its main thread
 * @property {number} cpu the same as a share of one core, while the load ran
 * @property {number} peakRss bytes
 * @property {import('../../machine.mjs').UsageSeries} usage
 */

/** Seconds of a load. @param {boolean} quick @returns {Timing} */
export const timingOf = (quick) =>
  quick ? { warmUpMs: 300, runMs: 1_000 } : { warmUpMs: 5_000, runMs: 60_000 };

/** @param {Load} load */
export const nameOf = ({ connections, window }) =>
  `${count(connections)} connections, ${window} in flight`;

/**
 * How far a load is. @param {Log} log @param {Timing} timing
 * @returns {(progress: { seconds: number, perSecond: number }) => void}
 */
export const progressOf =
  (log, { warmUpMs, runMs }) =>
  ({ seconds, perSecond }) =>
    log(`${seconds.toFixed(0)} of ${(warmUpMs + runMs) / 1000} s, ${count(perSecond)} a second`);

/**
 * Runs a load against a fresh hub, then checks that all adds up: what was sent, the hub's ledger, and what is in the
 * file of the hub after it was killed.
 * @template {{ sent: number }} Outcome
 * @param {{ devices: number, transport: string,
 *   load: (hub: import('../../hub.mjs').Hub, devices: import('../../devices/raw-connection.mjs').Device[]) => Promise<Outcome>,
 *   settled?: (outcome: Outcome) => Promise<unknown> }} plan `settled` is called when the hub has dealt with all of it
 * @returns {Promise<Outcome & Ingested>}
 */
export const intoHub = ({ devices: number, transport, load, settled }) =>
  withHub(async (hub) => {
    const devices = await registerDevices(hub, number);
    const before = usage(hub.pid);
    const begin = performance.now();
    const watch = watchUsage(hub.pid);
    const outcome = await load(hub, devices);
    const account = await settledAccount(hub, transport, outcome.sent);
    const { cpuMs, mainCpuMs, peakRss } = usage(hub.pid);
    const tookMs = performance.now() - begin;
    const series = watch.stop();
    await settled?.(outcome);
    await hub.kill();
    const stored = await countReadings(hub.dataDir);
    assertSame('readings in the file', account.stored, stored);
    return {
      ...outcome,
      stored,
      account,
      cpuUs: ((cpuMs - before.cpuMs) * 1000) / outcome.sent,
      mainCpuUs: ((mainCpuMs - before.mainCpuMs) * 1000) / outcome.sent,
      cpu: (cpuMs - before.cpuMs) / tookMs,
      peakRss,
      usage: series,
    };
  });

/** What was measured in this run already, because several scenarios compare with it. @type {Map<string, any>} */
const measured = new Map();

/** @template T @param {string} what @param {Load} load @param {Timing} timing @param {() => Promise<T>} measure */
async function once(what, load, timing, measure) {
  const key = JSON.stringify([what, load, timing]);
  if (!measured.has(key)) measured.set(key, await measure());
  return /** @type {T} */ (measured.get(key));
}

/**
 * Messages with QoS 1 into the hub; all that was acknowledged is stored.
 * @param {Load} load @param {Timing} timing @param {Log} log
 * @returns {Promise<{ sent: number, outOfOrder: number } & import('../../meter.mjs').Metered & Ingested>}
 */
export const acknowledged = (load, timing, log) =>
  once('hub', load, timing, async () => {
    const { connections, window } = load;
    const outcome = await intoHub({
      devices: connections,
      transport: 'mqtt',
      load: ({ mqttPort: port }, devices) =>
        runApart('flood', { port, devices, window, timing }, progressOf(log, timing)),
    });
    assertSame('acknowledged messages in the file', outcome.sent, outcome.stored);
    return outcome;
  });

/**
 * The same messages into the broker library with an empty consumer.
 * @param {Load} load @param {Timing} timing @param {Log} log
 * @returns {Promise<import('../../meter.mjs').Metered>}
 */
export const throughBareBroker = (load, timing, log) =>
  once('bare broker', load, timing, async () => {
    const { connections, window } = load;
    const broker = startApart('bare-broker', {});
    try {
      const port = await broker.ready;
      const devices = anyDevices(connections);
      const progress = progressOf((text) => log(`bare aedes, ${text}`), timing);
      return await runApart('flood', { port, devices, window, timing }, progress);
    } finally {
      await broker.stop();
    }
  });

/**
 * Devices for who does not ask who they are.
 * @param {number} count @param {number} [group] of another group they are others
 */
export const anyDevices = (count, group = 0) =>
  Array.from({ length: count }, (_, index) => ({
    id: `${String(group).padStart(8, '0')}-0000-4000-8000-${String(index).padStart(12, '0')}`,
    key: 'none',
  }));

/**
 * Rows a second that SQLite inserts with nothing around it.
 * @param {boolean} quick @returns {Promise<number>}
 */
export async function bareSqlite(quick) {
  const runMs = quick ? 300 : 5_000;
  const load = { connections: 0, window: 0 };
  const timing = { warmUpMs: 0, runMs };
  const { rate } = await once('bare sqlite', load, timing, () =>
    runApart('bare-sqlite', { runMs }),
  );
  return rate;
}

/** Shorter than a load on the hub: nothing here changes with time. @param {boolean} quick @returns {Timing} */
export const ceilingTimingOf = (quick) =>
  quick ? timingOf(quick) : { warmUpMs: 3_000, runMs: 12_000 };

/** Slowest and fastest second. @param {number[]} perSecond */
export const spread = (perSecond) =>
  perSecond.length === 0
    ? '–'
    : `${count(Math.min(...perSecond))} to ${count(Math.max(...perSecond))}`;

/** What a message or reading costs. @param {string} what @param {Ingested & { generatorUs: number }} figures */
export const costRows = (what, { cpuUs, mainCpuUs, generatorUs }) => [
  {
    measure: `processor time of the hub for a ${what}, of its main thread`,
    value: `${micros(cpuUs)}, ${micros(mainCpuUs)}`,
  },
  { measure: `processor time of the generator for a ${what}`, value: micros(generatorUs) },
];

/** @param {number} us */
export const micros = (us) => `${us.toFixed(1)} µs`;
