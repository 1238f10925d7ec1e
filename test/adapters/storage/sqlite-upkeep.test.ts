import assert from 'node:assert/strict';
import { createUpkeep } from '../../../nodes/adapters/storage/sqlite/upkeep.ts';
import type { TelemetryFile } from '../../../nodes/adapters/storage/sqlite/telemetry-file.ts';
import { until } from '../../support/until.ts';

describe('upkeep of a SQLite telemetry file', () => {
  it('moves whole readings, however many came in since the last part', async () => {
    const moved: number[] = [];
    const file = {
      hotRows: () => 1,
      hotCommits: () => 1,
      move: (most: number) => moved.push(most) < 3,
      sweep: () => false,
      rollUp: () => false,
    } as Partial<TelemetryFile> as TelemetryFile;
    const upkeep = createUpkeep(file, {
      moveAtRows: 1,
      moveWhenIdleMs: 60_000,
      rollUpEveryMs: 60_000,
    });
    // A quarter more than this is not a whole number.
    upkeep.committed(40_001);
    await until('the readings are moved', () => moved.length >= 3);
    upkeep.stop();
    assert.ok(moved.some((most) => most > 40_001));
    for (const most of moved) assert.ok(Number.isInteger(most), `${most} readings were moved`);
  });
});
