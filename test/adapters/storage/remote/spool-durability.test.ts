import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSpooledTelemetryStore } from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { killAtRandom } from '../../../support/kill-at-random.ts';
import { createMemoryRemote } from '../../../support/memory-remote.ts';
import { spawnDurableWriter } from '../../../support/spawn-durable-writer.ts';
import { until } from '../../../support/until.ts';

describe('a spool whose process is killed', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spool-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Opens it again with the database there, and gives what that has when nothing waits any more. */
  const deliverAll = async (): Promise<Map<number, number>> => {
    const remote = createMemoryRemote(join(folder, 'journal'));
    const store = await createSpooledTelemetryStore({
      ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
    });
    try {
      await until('nothing waits', async () => (await store.health()).spool?.bytes === 0, 30_000);
      return new Map(remote.rows().map(([, time, value]) => [time, Number(value)]));
    } finally {
      await store.close();
    }
  };

  it('knows the newest readings when it was killed and its database is still away', async () => {
    const acknowledged = await killAtRandom(spawnDurableWriter('spool', folder));
    const remote = createMemoryRemote();
    remote.faults.away = 'away';
    const store = await createSpooledTelemetryStore({
      ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
    });
    const [latest, ...others] = store.latest();
    await store.close();
    assert.ok(Number(latest?.value) >= acknowledged - 1);
    assert.equal(latest?.unit, 'count');
    assert.deepEqual(others, []);
  });

  for (const [kind, doing] of [
    ['spool', 'spooling'],
    ['spool-and-database', 'delivering'],
  ] as const)
    it(`has every acknowledged reading when it was killed while ${doing}`, async () => {
      for (let round = 0; round < 3; round++) {
        const acknowledged = await killAtRandom(spawnDurableWriter(kind, folder));
        const stored = await deliverAll();
        for (let i = 0; i < acknowledged; i++) assert.equal(stored.get(i), i);
      }
    });

  it('never has an older value where a newer one was acknowledged', async () => {
    for (let round = 0; round < 3; round++) {
      const acknowledged = await killAtRandom(
        spawnDurableWriter('spool-and-database-rewriting', folder),
      );
      const stored = await deliverAll();
      for (let time = 0; time < 100; time++) {
        const newest = acknowledged - 1 - ((acknowledged - 1 - time) % 100);
        const value = stored.get(time) ?? -1;
        assert.ok(value >= newest && value % 100 === time, `${value} at ${time}, not ${newest}`);
      }
    }
  });
});
