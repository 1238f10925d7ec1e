// SIGTERM while readings come in, with a store that works and with one that hangs.
import { setTimeout as pause } from 'node:timers/promises';
import { lockFor } from '../lock-store.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'The hub is told to stop (SIGTERM) while devices report as fast as they are acknowledged, and started again. At ' +
  'every other stop another program holds the database for a few seconds.';

const mostMs = 15_000;

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const stops = quick ? 2 : 10;
  const done = await trial({
    load: [
      { transport: 'mqtt', count: 20, rate: Infinity, window: 32 },
      { transport: 'http', count: 3, rate: 300, window: 60, batch: 20 },
      { transport: 'websocket', count: 3, rate: 300, window: 60, batch: 20 },
    ],
    async happen({ site }) {
      /** @type {{ ms: number, code: number | null }[]} */
      const ends = [];
      for (let round = 1; round <= stops; round++) {
        await pause(quick ? 700 : 2_000);
        const unlocked = round % 2 === 0 ? lockFor(site.dataDir, quick ? 800 : 4_000) : undefined;
        const before = performance.now();
        const code = await site.stop();
        ends.push({ ms: performance.now() - before, code });
        await unlocked;
        await site.start();
        log(`${round} of ${stops}: ${Math.round(ends.at(-1)?.ms ?? 0)} ms, exit code ${code}`);
      }
      await pause(1_000);
      return ends;
    },
  });
  const slowest = Math.max(...done.happened.map(({ ms }) => ms));
  const codes = [...new Set(done.happened.map(({ code }) => String(code)))];
  return outcomeOf(`SIGTERM, ${stops} times`, done, {
    promises: [
      verdict(
        `it ends within ${mostMs / 1000} s`,
        slowest < mostMs,
        `the slowest took ${(slowest / 1000).toFixed(1)} s`,
      ),
      verdict('it ends with exit code 0', codes.join() === '0', `exit codes ${codes.join(', ')}`),
    ],
  });
}
