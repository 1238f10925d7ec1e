import type { DatabaseSync } from 'node:sqlite';
import type { RollupMarks } from './rollup-marks.ts';
import { dayMs, hourMs, hourOf } from './rollup-slots.ts';

/** Readings deleted in one transaction, so that forgetting many never holds writes up for long. */
const rowsAtOnce = 10_000;
/** Later than any reading. */
const endOfTime = Number.MAX_SAFE_INTEGER;

/** Which readings of a series are too old: those before a time in milliseconds since the epoch. */
export interface SeriesExpiry {
  series: number;
  before: number;
}

/** Deletes readings with their rollups from their places, in parts; every call is made within a transaction. */
export interface ReadingRemover {
  /** Series that are gone; `sweep` deletes what they leave behind. */
  remove(series: readonly number[]): void;
  /** Deletes a part of what removed series left behind; false when nothing is left. */
  sweep(): boolean;
  /** Deletes a part of what is too old; false when nothing of it is left. */
  expire(expiries: readonly SeriesExpiry[]): boolean;
}

export function createReadingRemover(db: DatabaseSync, marks: RollupMarks): ReadingRemover {
  const forget = db.prepare('DELETE FROM series WHERE id = ?');
  const mark = db.prepare('INSERT OR IGNORE INTO removed VALUES (?)');
  const unmark = db.prepare('DELETE FROM removed WHERE series = ?');
  const pending = db.prepare('SELECT series FROM removed LIMIT 1');
  const subtract = db.prepare('UPDATE counters SET readings = readings - ?');
  const lastOfPart = db.prepare(
    'SELECT timestamp FROM readings WHERE series = ? AND timestamp < ? ORDER BY timestamp LIMIT 1 OFFSET ?',
  );
  const deleteReadings = db.prepare('DELETE FROM readings WHERE series = ? AND timestamp < ?');
  const deleteRollups = ['hourly', 'hourly_values', 'daily'].map((table) => ({
    slotMs: table === 'daily' ? dayMs : hourMs,
    statement: db.prepare(`DELETE FROM ${table} WHERE series = ? AND slot < ?`),
  }));

  /** Gives how many are deleted: `most` if there may be more. */
  const deleteBefore = (series: number, before: number, most: number): number => {
    const last = lastOfPart.get(series, before, most - 1)?.['timestamp'];
    const end = typeof last === 'number' ? last + 1 : before;
    const deleted = Number(deleteReadings.run(series, end).changes);
    if (deleted === 0) return 0;
    subtract.run(deleted);
    // A rollup that has lost one of its readings is no longer true.
    for (const { slotMs, statement } of deleteRollups)
      statement.run(series, Math.ceil(end / slotMs));
    return deleted;
  };

  return {
    remove(series) {
      for (const id of series) {
        forget.run(id);
        mark.run(id);
      }
    },
    sweep() {
      const series = pending.get()?.['series'];
      if (typeof series !== 'number') return false;
      if (deleteBefore(series, endOfTime, rowsAtOnce) < rowsAtOnce) unmark.run(series);
      return true;
    },
    expire(expiries) {
      let room = rowsAtOnce;
      for (const { series, before } of expiries) {
        const deleted = deleteBefore(series, before, room);
        const hour = hourOf(before);
        if (deleted > 0 && hour < marks.newestHour(series)) marks.mark(series, hour, hour);
        room -= deleted;
        if (room === 0) return true;
      }
      return false;
    },
  };
}
