// Clients that never read what they are answered.
import { runApart } from '../../apart.mjs';
import { count, timesToMax } from '../../figures.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Clients send readings with QoS 1, calls over HTTP and calls over WebSocket as fast as their sockets take them, and ' +
  'never read an acknowledgement or an answer.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const p99Ms = quick ? 3_000 : 50;
  const done = await trial({
    ...(site && { site }),
    others: [
      { transport: 'mqtt', count: 10, rate: 100, window: 4 },
      { transport: 'http', count: 2, rate: 20, window: 10, batch: 1 },
    ],
    async happen({ site: { hub }, register, keep }) {
      const { url, mqttPort: port } = hub;
      const devices = await register(quick ? 6 : 30);
      const options = { url, port, devices, runMs: quick ? 1_500 : 30_000 };
      const { journals, ...flood } = await runApart('../torture/loads/stalled-reader', options);
      keep(journals);
      log(`${count(flood.sent)} readings sent, ${flood.cut} of ${devices.length} clients cut off`);
      return flood;
    },
  });
  return outcomeOf('clients that read no answers', done, {
    p99Ms,
    promises: [
      verdict(
        `99 of 100 other calls are answered within ${p99Ms} ms`,
        done.calls.figures.p99 < p99Ms && done.calls.unanswered === 0,
        timesToMax(done.calls.figures),
      ),
    ],
    figures: done.happened,
  });
}
