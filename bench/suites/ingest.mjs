// Telemetry from MQTT through the whole flow into the store, beside what its parts can do on their own.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { runApart, startApart } from '../apart.mjs';
import { count, megabytes, share, times } from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { usage } from '../machine.mjs';

export const about =
  'Telemetry over MQTT (QoS 1, one reading a message) through all nodes of `flows/hub.json`; a message is ' +
  'acknowledged when its reading is committed. The hub is killed (SIGKILL) right after the last ' +
  'acknowledgement and the readings are counted in its file. The generator is a process of its own on the ' +
  'same machine.';

/** @param {import('../main.mjs').SuiteOptions} options */
export async function run({ quick, log }) {
  const timing = quick ? { warmUpMs: 300, runMs: 700 } : { warmUpMs: 3_000, runMs: 12_000 };
  const loads = quick
    ? [
        { connections: 10, window: 32 },
        { connections: 50, window: 1 },
      ]
    : [
        { connections: 100, window: 32 },
        { connections: 1_000, window: 1 },
      ];
  const { rate: rows } = await runApart('bare-sqlite', { runMs: quick ? 300 : 5_000 });
  const outcomes = [];
  for (const load of loads) {
    log(nameOf(load));
    const bare = await throughBareBroker(load, timing);
    outcomes.push({ ...(await throughHub(load, timing)), bare });
  }
  const row = (
    /** @type {string} */ measure,
    /** @type {(outcome: typeof outcomes[0]) => string} */ valueOf,
    /** @type {string} */ target = '',
  ) => ({ measure, value: outcomes.map(valueOf), target });
  return {
    name: 'Telemetry, from MQTT to the store',
    columns: loads.map(nameOf),
    results: [
      row('acknowledged messages a second', ({ rate }) => count(rate), '10,000'),
      row('time to acknowledgement', ({ ack }) => times(ack)),
      row('sent = acknowledged = found in the file', ({ stored }) => count(stored)),
      row('CPU of the hub per message', ({ cpuUs }) => `${cpuUs.toFixed(1)} µs`),
      row('most resident memory of the hub', ({ peakRss }) => megabytes(peakRss)),
      row('bare aedes, messages a second', ({ bare }) => count(bare.rate)),
      row('bare aedes, time to acknowledgement', ({ bare }) => times(bare.ack)),
      row('hub / bare aedes', ({ rate, bare }) => share(rate, bare.rate)),
      row('bare `node:sqlite`, rows a second', () => count(rows)),
      row('hub / bare `node:sqlite`', ({ rate }) => share(rate, rows)),
    ],
    figures: { bare_sqlite_rows_per_second: rows, outcomes },
  };
}

/** @param {Load} load */
const nameOf = ({ connections, window }) =>
  `${count(connections)} connections, ${window} in flight`;

/** @typedef {{ connections: number, window: number }} Load @typedef {{ warmUpMs: number, runMs: number }} Timing */

/** @param {Load} load @param {Timing} timing */
async function throughBareBroker({ connections, window }, timing) {
  const broker = startApart('bare-broker', {});
  try {
    const devices = Array.from({ length: connections }, (_, index) => ({
      id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      key: 'none',
    }));
    return await runApart('flood', { port: await broker.ready, devices, window, ...timing });
  } finally {
    await broker.stop();
  }
}

/** @param {Load} load @param {Timing} timing */
const throughHub = ({ connections, window }, timing) =>
  withHub(async (hub) => {
    const devices = await registerDevices(hub, connections);
    const before = usage(hub.pid);
    const flood = await runApart('flood', { port: hub.mqttPort, devices, window, ...timing });
    const { cpuMs, peakRss } = usage(hub.pid);
    await hub.kill();
    const stored = countReadings(hub.dataDir);
    if (stored !== flood.sent)
      throw new Error(`${flood.sent} messages were acknowledged, ${stored} readings are stored`);
    return { ...flood, stored, peakRss, cpuUs: ((cpuMs - before.cpuMs) * 1000) / flood.sent };
  });

/** Counts in the file itself, not by what the hub says. @param {string} dataDir */
function countReadings(dataDir) {
  const db = new DatabaseSync(join(dataDir, 'telemetry.db'));
  const query = `SELECT count(*) AS readings FROM
    (SELECT series, timestamp FROM readings UNION SELECT series, timestamp FROM hot)`;
  const readings = db.prepare(query).get()?.readings;
  db.close();
  return Number(readings);
}
