import assert from 'node:assert/strict';
import { createUpkeep } from '../../../nodes/adapters/storage/sqlite/upkeep.ts';
import type { TelemetryFile } from '../../../nodes/adapters/storage/sqlite/telemetry-file.ts';
import { until } from '../../support/until.ts';

describe('upkeep of a SQLite telemetry file', () => {
  const movesAfter = async (...commits: number[]): Promise<number[]> => {
    const moved: number[] = [];
    let rows = 0;
    const file = {
      hotRows: () => rows,
      hotCommits: () => 1,
      move: (most: number) => moved.push(most) < 3,
      sweep: () => false,
      rollUp: () => false,
    } as Partial<TelemetryFile> as TelemetryFile;
    const upkeep = createUpkeep(file, {
      moveAtRows: 50_000,
      moveWhenIdleMs: 60_000,
      rollUpEveryMs: 60_000,
    });
    for (const committed of commits) {
      rows += committed;
      upkeep.committed(committed);
    }
    rows = 0;
    await until('the readings are moved', () => moved.length >= 3);
    upkeep.stop();
    return moved;
  };

  it('moves whole readings, more than come in meanwhile', async () => {
    // A quarter more than this is not a whole number.
    const moved = await movesAfter(50_000, 40_001);
    assert.ok(moved.some((most) => most > 40_001));
    for (const most of moved) assert.ok(Number.isInteger(most), `${most} readings were moved`);
  });

  it('moves in small parts, however many readings have gathered before', async () => {
    const moved = await movesAfter(20_000, 20_000, 20_000);
    for (const most of moved) assert.ok(most <= 20_000, `${most} readings were moved at once`);
  });
});
