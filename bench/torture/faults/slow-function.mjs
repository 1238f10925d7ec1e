// A function of the user's between checking and storing that takes its time.
import { setTimeout as pause } from 'node:timers/promises';
import { timesToMax } from '../../figures.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { withFunction } from '../slow-flow.mjs';
import { trial } from '../trial.mjs';

export const about =
  'A function node between checking and storing keeps the processor busy for 2 ms and passes each message on after ' +
  'half a second. Devices report as fast as they are acknowledged; callers who have nothing to do with it ask too.';

const slow = `
const end = Date.now() + 2;
while (Date.now() < end);
setTimeout(() => { node.send(msg); node.done(); }, 500);`;

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick }) {
  const p99Ms = quick ? 1_000 : 50;
  const done = await trial({
    site: { flow: withFunction(slow) },
    load: [
      { transport: 'mqtt', count: quick ? 20 : 200, rate: Infinity, window: 100 },
      { transport: 'http', count: 3, rate: Infinity, window: 1_000, batch: 100 },
      { transport: 'websocket', count: 3, rate: Infinity, window: 1_000, batch: 100 },
    ],
    happen: () => pause(quick ? 2_000 : 30_000),
  });
  const { calls } = done;
  return outcomeOf('a slow function node', done, {
    promises: [
      verdict(
        `99 of 100 other calls are answered within ${p99Ms} ms`,
        calls.figures.p99 < p99Ms && calls.unanswered === 0,
        timesToMax(calls.figures),
      ),
    ],
  });
}
