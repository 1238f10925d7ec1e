// The database elsewhere is stopped, and comes back minutes later.
import { setTimeout as pause } from 'node:timers/promises';
import { count, megabytes } from '../../figures.mjs';
import { startInflux } from '../influx.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { spoolOf, untilDelivered } from '../spool.mjs';
import { troublesOf } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'A real InfluxDB 1 behind the hub is killed for five minutes while devices report 10,000 readings a second, and ' +
  'started again. Readings are acknowledged from the spool meanwhile, and delivered afterwards.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const awayMs = quick ? 2_000 : 300_000;
  const rate = quick ? 2_000 : 10_000;
  const deliveredWithinMs = quick ? 30_000 : 300_000;
  const influx = await startInflux();
  try {
    const done = await trial({
      site: { flow: influx.flow },
      load: [
        { transport: 'mqtt', count: 100, rate: rate * 0.8, window: 200 },
        { transport: 'http', count: 5, rate: rate * 0.1, window: 100, batch: 100 },
        { transport: 'websocket', count: 5, rate: rate * 0.1, window: 100, batch: 100 },
      ],
      async happen({ site: { hub } }) {
        await pause(quick ? 1_000 : 5_000);
        await influx.leave();
        log('away');
        await pause(awayMs);
        const spooled = await spoolOf(hub);
        log(`${count(spooled.readings)} readings wait in ${megabytes(spooled.bytes)}`);
        await influx.comeBack();
        log('back');
        const deliveredMs = await untilDelivered(hub, deliveredWithinMs);
        return { spooled, deliveredMs };
      },
      async settled({ hub }) {
        await untilDelivered(hub, deliveredWithinMs);
      },
      stored: influx.stored,
    });
    const { spooled, deliveredMs } = done.happened;
    const order = influx.orderOf(done.load.groups);
    const { carried, overtaken } = order;
    const lost = troublesOf(done.load, 'connection lost') + troublesOf(done.load, 'no answer');
    return outcomeOf(`InfluxDB away for ${awayMs / 1000} s`, done, {
      recovered: { ms: deliveredMs, withinMs: deliveredWithinMs },
      promises: [
        verdict(
          'readings are acknowledged meanwhile',
          spooled.readings > rate * 0.7 * (awayMs / 1000) || quick,
          `${count(spooled.readings)} waited in the spool`,
        ),
        verdict('no device notices', lost === 0, `${lost} connections or answers were missed`),
        verdict(
          'readings are delivered in the order they came',
          overtaken === 0 && carried > 0,
          `${count(overtaken)} of ${count(carried)} were overtaken by a later one of their device`,
        ),
      ],
      figures: { ...done.happened, order },
    });
  } finally {
    await influx.close();
  }
}
