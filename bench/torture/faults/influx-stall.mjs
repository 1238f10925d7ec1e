// The database elsewhere hangs, refuses, and cuts connections.
import { setTimeout as pause } from 'node:timers/promises';
import { startInflux } from '../influx.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { untilDelivered } from '../spool.mjs';
import { troublesOf } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Between the hub and a real InfluxDB 1, requests hang, are answered 503, or are cut off, each for a while. Readings ' +
  'are acknowledged from the spool meanwhile.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const eachMs = quick ? 1_000 : 15_000;
  const withinMs = 30_000;
  const influx = await startInflux();
  try {
    const done = await trial({
      site: { flow: influx.flow },
      load: [
        { transport: 'mqtt', count: 20, rate: 2_000, window: 200 },
        { transport: 'http', count: 3, rate: 200, window: 200, batch: 20 },
        { transport: 'websocket', count: 3, rate: 200, window: 200, batch: 20 },
      ],
      async happen({ site: { hub } }) {
        /** @type {(number | undefined)[]} */
        const delivered = [];
        for (const mode of /** @type {const} */ (['hang', 'refuse', 'cut'])) {
          await pause(quick ? 300 : 1_000);
          influx.set(mode);
          log(mode);
          await pause(eachMs);
          influx.set('carry');
          delivered.push(await untilDelivered(hub, withinMs));
        }
        return delivered;
      },
      async settled({ hub }) {
        await untilDelivered(hub, withinMs);
      },
      stored: influx.stored,
    });
    const delivered = done.happened;
    const lost = troublesOf(done.load, 'connection lost') + troublesOf(done.load, 'no answer');
    const slowest = Math.max(...done.load.groups.map(({ ack }) => ack.max));
    return outcomeOf('InfluxDB hangs, refuses, cuts off', done, {
      recovered: {
        ms: delivered.includes(undefined) ? undefined : Math.max(...delivered.map((ms) => ms ?? 0)),
        withinMs,
      },
      promises: [
        verdict('no device notices', lost === 0, `${lost} connections or answers were missed`),
        verdict(
          'acknowledgements go on',
          slowest < 10_000,
          `the slowest took ${(slowest / 1000).toFixed(1)} s`,
        ),
      ],
      figures: { delivered, order: influx.orderOf(done.load.groups) },
    });
  } finally {
    await influx.close();
  }
}
