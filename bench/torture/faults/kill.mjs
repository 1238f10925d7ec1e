// SIGKILL while readings come in, again and again.
import { setTimeout as pause } from 'node:timers/promises';
import { outcomeOf, verdict } from '../outcome.mjs';
import { slowestRecovery } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'The hub is killed (SIGKILL) at random moments while devices report over MQTT, HTTP and WebSocket, and started ' +
  'again on the same data directory; every fourth time it is killed again while it starts. Devices connect again and ' +
  'repeat what was not acknowledged.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const kills = quick ? 2 : 100;
  const done = await trial({
    load: [
      { transport: 'mqtt', count: 10, rate: 2_000, window: 16 },
      { transport: 'http', count: 3, rate: 300, window: 60, batch: 20 },
      { transport: 'websocket', count: 3, rate: 300, window: 60, batch: 20 },
    ],
    async happen({ site }) {
      /** @type {number[]} */
      const readyAt = [];
      for (let round = 1; round <= kills; round++) {
        await pause(300 + Math.random() * (quick ? 500 : 1_200));
        await site.kill();
        if (round % 4 === 2) await site.startAndKill(Math.round(300 + Math.random() * 1_500));
        await site.start();
        readyAt.push(Date.now());
        if (round % 10 === 0) log(`${round} of ${kills}`);
      }
      await pause(quick ? 500 : 1_500);
      return readyAt;
    },
  });
  return outcomeOf(`kill -9, ${kills} times`, done, {
    recovered: { ms: slowestRecovery(done.load, done.happened), withinMs: 5_000 },
    promises: [
      verdict(
        'every transport had readings acknowledged',
        done.load.groups.every(({ ack }) => ack.count > 0),
        done.load.groups.map(({ transport, ack }) => `${transport} ${ack.count}`).join(', '),
      ),
    ],
  });
}
