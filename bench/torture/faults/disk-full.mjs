// The disk is full, and then there is room again.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createDisk } from '../full-disk.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { slowestRecovery } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'The data directory is on a small file system of its own, which is filled to the last page while devices report, ' +
  'and freed again. Where mounting is not allowed, a limit on the size of files takes its place.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const rounds = quick ? 1 : 4;
  const disk = createDisk();
  log(disk.kind);
  try {
    const done = await trial({
      site: { dataDir: join(disk.folder, 'data') },
      load: [
        { transport: 'mqtt', count: 20, rate: 2_000, window: 32, answerMs: 4_000 },
        { transport: 'http', count: 3, rate: 200, window: 60, batch: 20 },
        { transport: 'websocket', count: 3, rate: 200, window: 60, batch: 20 },
      ],
      async happen({ site }) {
        const [fullAt, freeAt] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
        for (let round = 1; round <= rounds; round++) {
          await pause(1_500);
          disk.fill(site);
          fullAt.push(Date.now());
          log('full');
          await pause(quick ? 2_000 : 8_000);
          disk.free(site);
          freeAt.push(Date.now());
          log('free');
          await pause(quick ? 2_000 : 5_000);
        }
        return { fullAt, freeAt, runs: site.runs() };
      },
    });
    const { freeAt, runs } = done.happened;
    return outcomeOf(`the disk is full, ${rounds} times`, done, {
      recovered: {
        ms: slowestRecovery(done.load, freeAt),
        withinMs: 5_000,
      },
      promises: [verdict('the hub goes on running', runs, runs ? 'it does' : 'it ended')],
      figures: { disk: disk.kind, ...done.happened },
    });
  } finally {
    disk.close();
  }
}
