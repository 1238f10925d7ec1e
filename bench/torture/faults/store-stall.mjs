// A store that takes nothing for a while, then takes readings again.
import { setTimeout as pause } from 'node:timers/promises';
import { lockFor } from '../lock-store.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { slowestRecovery, troublesOf } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Another program locks the telemetry database, so that commits wait and then fail, several times: for a shorter ' +
  'and for a longer time than a reading may take from its source to the store (10 s).';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const stalls = quick ? [2_500] : [500, 3_000, 15_000, 3_000];
  const done = await trial({
    ...(site && { site }),
    load: [
      { transport: 'mqtt', count: 20, rate: 2_000, window: 32, answerMs: quick ? 9_000 : 20_000 },
      { transport: 'http', count: 3, rate: 200, window: 60, batch: 20 },
      { transport: 'websocket', count: 3, rate: 200, window: 60, batch: 20 },
    ],
    async happen({ site: { dataDir } }) {
      /** @type {number[]} */
      const freeAt = [];
      for (const ms of stalls) {
        await pause(1_000);
        log(`the store is locked for ${ms} ms`);
        await lockFor(dataDir, ms);
        freeAt.push(Date.now());
        await pause(quick ? 1_000 : 4_000);
      }
      return freeAt;
    },
  });
  const unanswered = troublesOf(done.load, 'no answer');
  return outcomeOf(`the store stalls, ${stalls.length} times`, done, {
    recovered: {
      ms: slowestRecovery(done.load, done.happened),
      withinMs: 3_000,
    },
    promises: [
      verdict(
        'no device waits for an answer that never comes',
        unanswered === 0,
        `${unanswered} had to connect again by themselves`,
      ),
      verdict(
        'callers are answered meanwhile',
        done.calls.unanswered === 0 && done.calls.figures.max < 2_000,
        `the slowest after ${Math.round(done.calls.figures.max)} ms, ${done.calls.unanswered} never`,
      ),
    ],
  });
}
