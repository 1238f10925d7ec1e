import type { DatabaseSync } from 'node:sqlite';
import { createRollupMaker } from './rollup-maker.ts';
import type { RollupMarks } from './rollup-marks.ts';
import { dayOf, hourMs, hourOf, hoursPerDay } from './rollup-slots.ts';

/** A row of `stale`. */
interface StaleHours {
  series: number;
  hour: number;
  through: number;
}

const start = { series: -1, hour: 0 };

/** Makes the rollups that are missing, a few at a time. */
export interface RollupBuilder {
  /** Makes the next ones for about this long, within a transaction; false when all have been gone through. */
  step(milliseconds: number): boolean;
}

export function createRollupBuilder(db: DatabaseSync, marks: RollupMarks): RollupBuilder {
  const next = db.prepare(
    'SELECT * FROM stale WHERE (series, hour) > (?, ?) ORDER BY series, hour LIMIT 1',
  );
  const unmark = db.prepare('DELETE FROM stale WHERE series = ? AND hour = ?');
  const firstReading = db.prepare(
    'SELECT timestamp FROM readings WHERE series = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp LIMIT 1',
  );
  const staleIn = db.prepare(
    'SELECT 1 FROM stale WHERE series = ? AND hour <= ? AND through >= ? LIMIT 1',
  );
  const maker = createRollupMaker(db);
  let position = start;

  const firstHour = (series: number, hour: number, through: number): number | undefined => {
    const row = firstReading.get(series, hour * hourMs, (through + 1) * hourMs);
    return row && hourOf(row['timestamp'] as number);
  };
  const makeDay = (series: number, day: number): void => {
    const [first, last] = [day * hoursPerDay, (day + 1) * hoursPerDay - 1];
    const isOver = day < dayOf(marks.newestHour(series));
    if (isOver && !staleIn.get(series, last, first)) maker.makeDay(series, day);
  };
  /** Makes the first of these hours that has readings, and marks what is left of them. */
  const makeFirst = ({ series, hour, through }: StaleHours): void => {
    unmark.run(series, hour);
    // The newest hour is marked when it is over.
    const last = Math.min(through, marks.newestHour(series) - 1);
    const first = firstHour(series, hour, last);
    if (first === undefined) return;
    maker.makeHour(series, first);
    const rest = firstHour(series, first + 1, last);
    if (rest !== undefined) marks.mark(series, rest, last);
    makeDay(series, dayOf(first));
  };

  return {
    step(milliseconds) {
      const end = performance.now() + milliseconds;
      do {
        const stale = next.get(position.series, position.hour) as unknown as StaleHours | undefined;
        position = stale ?? start;
        if (!stale) return false;
        makeFirst(stale);
      } while (performance.now() < end);
      return true;
    },
  };
}
