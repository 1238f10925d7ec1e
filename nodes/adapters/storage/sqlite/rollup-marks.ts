import type { DatabaseSync } from 'node:sqlite';
import { dayOf } from './rollup-slots.ts';

/** Keeps rollups true to the readings: knows which hours change, and marks those whose rollups are to be made. */
export interface RollupMarks {
  /** Readings of this hour are changed in the transaction under way. */
  touch(series: number, hour: number): void;
  /** Readings of all these hours are to be rolled up, within a transaction. */
  mark(series: number, hour: number, through: number): void;
  /** The hour of a series that still grows; it has no rollup. */
  newestHour(series: number): number;
  /** The transaction is on disk ... */
  committed(): void;
  /** ... or has failed. */
  rolledBack(): void;
  /** The series is gone. */
  forget(series: number): void;
}

/** @param newest the newest hour of each series that has readings */
export function createRollupMarks(
  db: DatabaseSync,
  newest: Iterable<[series: number, hour: number]>,
): RollupMarks {
  const newestHours = new Map(newest);
  /** What was there before the transaction under way. */
  const before = new Map<number, number | undefined>();

  const putStale = db.prepare('INSERT OR IGNORE INTO stale VALUES (?, ?, ?)');
  const widen = db.prepare(
    `INSERT INTO stale VALUES (?, ?, ?)
     ON CONFLICT (series, hour) DO UPDATE SET through = max(through, excluded.through)`,
  );
  const deletions = ['hourly', 'hourly_values', 'daily'].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE series = ? AND slot = ?`),
  );
  const deleteRollups = (series: number, hour: number): void => {
    const [hourly, values, daily] = deletions;
    hourly?.run(series, hour);
    values?.run(series, hour);
    daily?.run(series, dayOf(hour));
  };

  return {
    touch(series, hour) {
      const newest = newestHours.get(series);
      if (hour === newest) return;
      if (newest !== undefined && hour < newest) {
        // An hour that is marked already has no rollups.
        if (putStale.run(series, hour, hour).changes === 1) deleteRollups(series, hour);
        return;
      }
      if (newest !== undefined) putStale.run(series, newest, newest);
      if (!before.has(series)) before.set(series, newest);
      newestHours.set(series, hour);
    },
    mark(series, hour, through) {
      widen.run(series, hour, through);
    },
    newestHour: (series) => newestHours.get(series) ?? -Infinity,
    committed: () => before.clear(),
    rolledBack() {
      for (const [series, newest] of before) {
        if (newest !== undefined) newestHours.set(series, newest);
        else newestHours.delete(series);
      }
      before.clear();
    },
    forget: (series) => newestHours.delete(series),
  };
}
