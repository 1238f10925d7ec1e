// The hub beside what one builds from stock nodes, and beside its own parts.
import { setTimeout as pause } from 'node:timers/promises';
import { runApart, startApart } from '../apart.mjs';
import { count, timesToMax } from '../figures.mjs';
import {
  acknowledged,
  anyDevices,
  bareSqlite,
  ceilingTimingOf,
  micros,
  nameOf,
  progressOf,
  throughBareBroker,
  timingOf,
} from './shared/ingest.mjs';
import { usage } from '../machine.mjs';
import { missingTools, startStockStack } from '../peers/stock-stack.mjs';

export const about =
  'Stock nodes: Mosquitto as it is installed, a Node-RED with `mqtt in` (QoS 1) → `json` → `function` (ajv) → `join` ' +
  '(500 points or 1 s) → `influxdb batch` of node-red-contrib-influxdb, and InfluxDB 1. They get the same messages at ' +
  'the same load; Mosquitto acknowledges them before anything is stored, and keeps 1,000 of them for a subscriber ' +
  'who is slower, so that what counts is what arrives in InfluxDB. The hub acknowledges what is on disk. The ceilings ' +
  'do nothing with the messages: aedes with an empty consumer, and rows inserted by `node:sqlite` alone.';

/** Messages a second, until some are lost, each for this long. */
const gentle = {
  quick: { rates: [200], runMs: 1_000 },
  full: { rates: [1_000, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000], runMs: 6_000 },
};

const stockTimingOf = (/** @type {boolean} */ quick) =>
  quick ? timingOf(quick) : { warmUpMs: 5_000, runMs: 30_000 };

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const missing = missingTools();
  if (missing.length > 0) throw new Error(`not on this machine: ${missing.join(', ')}`);
  const loads = [
    { connections: quick ? 10 : 100, window: 32 },
    { connections: quick ? 100 : 1_000, window: 1 },
  ];
  const sqlite = await bareSqlite(quick);
  /** @type {{ hub: Awaited<ReturnType<typeof acknowledged>>, bare: import('../meter.mjs').Metered,
   *   stock: Awaited<ReturnType<typeof throughStockNodes>> }[]} */
  const outcomes = [];
  for (const load of loads)
    outcomes.push({
      hub: await acknowledged(load, timingOf(quick), (text) => log(`hub, ${text}`)),
      bare: await throughBareBroker(load, ceilingTimingOf(quick), log),
      stock: await throughStockNodes(load, quick, (text) => log(`stock nodes, ${text}`)),
    });
  const lossless = await withoutLoss(quick ? gentle.quick : gentle.full, loads[0], (text) =>
    log(`stock nodes, ${text}`),
  );
  const row = (
    /** @type {string} */ measure,
    /** @type {(outcome: typeof outcomes[0]) => string} */ valueOf,
  ) => ({ measure, value: outcomes.map(valueOf) });
  const ratio = (/** @type {number} */ one) => `${one.toFixed(one < 10 ? 2 : 0)}`;
  return {
    name: 'The hub beside stock nodes and its own ceilings',
    columns: loads.map(nameOf),
    results: [
      row('hub: acknowledged and stored a second', ({ hub }) => count(hub.rate)),
      row('hub: acknowledged and not stored', ({ hub }) => count(hub.sent - hub.stored)),
      row('stock nodes: acknowledged a second', ({ stock }) => count(stock.rate)),
      row('stock nodes: arrived in InfluxDB a second', ({ stock }) => count(stock.arrivedRate)),
      row(
        'stock nodes: acknowledged and not arrived',
        ({ stock }) =>
          `${count(stock.sent - stock.arrived)} of ${count(stock.sent)} ` +
          `(${((100 * (stock.sent - stock.arrived)) / stock.sent).toFixed(1)} %)`,
      ),
      {
        measure: 'stock nodes: most a second of which all arrived',
        value: [count(lossless), ''],
      },
      row('bare aedes: acknowledged a second', ({ bare }) => count(bare.rate)),
      row('bare `node:sqlite`: rows a second', () => count(sqlite)),
      row('**hub / stock nodes** (stored, arrived)', ({ hub, stock }) =>
        ratio(hub.rate / stock.arrivedRate),
      ),
      row('hub / bare aedes', ({ hub, bare }) => ratio(hub.rate / bare.rate)),
      row('hub / bare `node:sqlite`', ({ hub }) => ratio(hub.rate / sqlite)),
      row('hub: time to acknowledgement', ({ hub }) => timesToMax(hub.times)),
      row('stock nodes: time to acknowledgement', ({ stock }) => timesToMax(stock.times)),
      row('hub: processor time for a stored message', ({ hub }) => micros(hub.cpuUs)),
      row('stock nodes: processor time for an arrived message', ({ stock }) => micros(stock.cpuUs)),
    ],
    figures: { sqlite, lossless, outcomes },
  };
}

/**
 * @param {import('./shared/ingest.mjs').Load} load @param {boolean} quick @param {import('./shared/ingest.mjs').Log} log
 * @returns {Promise<{ sent: number, arrived: number, arrivedRate: number, cpuUs: number } &
 *   import('../meter.mjs').Metered>} `arrivedRate` while the load ran, without what came in afterwards
 */
async function throughStockNodes({ connections, window }, quick, log) {
  const timing = stockTimingOf(quick);
  const stack = await startStockStack();
  try {
    const cpuMs = () => stack.pids.reduce((sum, pid) => sum + usage(pid).cpuMs, 0);
    const cpuBefore = cpuMs();
    const devices = anyDevices(connections);
    const outcome = await runApart(
      'flood',
      { port: stack.mqttPort, devices, window, timing },
      progressOf(log, timing),
    );
    const arrivedInTime = await stack.count();
    const arrived = await arrivedInTheEnd(stack, log);
    return {
      ...outcome,
      arrived,
      arrivedRate: (arrivedInTime * 1000) / (timing.warmUpMs + timing.runMs),
      cpuUs: ((cpuMs() - cpuBefore) * 1000) / arrived,
    };
  } finally {
    await stack.stop();
  }
}

/**
 * The highest rate at which nothing is lost; 0 if there is none.
 * @param {typeof gentle.full} steps @param {import('./shared/ingest.mjs').Load} load
 * @param {import('./shared/ingest.mjs').Log} log
 * @throws Error when nothing arrives at all
 */
async function withoutLoss({ rates, runMs }, { connections }, log) {
  const stack = await startStockStack();
  try {
    let before = 0;
    let best = 0;
    for (const rate of rates) {
      log(`${count(rate)} a second`);
      const devices = anyDevices(connections, rate);
      const load = startApart('steady', { port: stack.mqttPort, devices, rate });
      await load.ready;
      await pause(runMs);
      const { sent } = await load.stop();
      const arrived = await arrivedInTheEnd(stack, log);
      if (arrived === 0)
        throw new Error('nothing arrives in InfluxDB: the stock nodes do not work');
      if (arrived - before < sent) return best;
      before = arrived;
      best = rate;
    }
    return best;
  } finally {
    await stack.stop();
  }
}

/**
 * Waits until nothing more arrives.
 * @param {import('../peers/stock-stack.mjs').StockStack} stack @param {import('./shared/ingest.mjs').Log} log
 */
async function arrivedInTheEnd(stack, log) {
  const quietMs = 3_000;
  let arrived = await stack.count();
  for (;;) {
    await pause(quietMs);
    const now = await stack.count();
    if (now === arrived) return now;
    arrived = now;
    log(`${count(arrived)} arrived so far`);
  }
}
