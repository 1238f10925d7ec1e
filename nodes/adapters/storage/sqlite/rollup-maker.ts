import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { unpackStored } from '../open-database.ts';
import { createNumberReader } from './number-columns.ts';
import { hourMs, hoursPerDay } from './rollup-slots.ts';
import { mergeRollups, rollupOf, type Rollup } from './rollup.ts';
import {
  decodeValues,
  encodeValues,
  groupValues,
  medianOf,
  type SortedValues,
} from './sorted-values.ts';

/** An hour or day with fewer readings has no rollup: reading them takes no longer, and they take no more room. */
const fewestReadings = 32;
/** An hour with more has none either, because making it would hold writes up. */
const mostReadings = 100_000;
/** Squares and sums of values up to this size stay finite; hours with larger ones have none. */
const largestValue = 1e140;

/** Readings of an hour or a part of a day. */
interface Part {
  count: number;
  /** Of text, only the count is known. */
  numbers?: { rollup: Rollup; sorted: SortedValues };
}

interface HourRow extends Rollup {
  slot: number;
  sorted: Uint8Array | null;
}

/** Makes the rollup of one hour or day from its readings, where it is worth one; within a transaction. */
export interface RollupMaker {
  makeHour(series: number, hour: number): void;
  /** The hours of the day that are worth a rollup have theirs. */
  makeDay(series: number, day: number): void;
}

export function createRollupMaker(db: DatabaseSync): RollupMaker {
  const readNumbers = createNumberReader(db);
  const insert = (table: string): StatementSync =>
    db.prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const [putHour, putDay] = [insert('hourly'), insert('daily')];
  const putValues = db.prepare('INSERT OR REPLACE INTO hourly_values VALUES (?, ?, ?)');
  const hoursOf = db.prepare(`
    SELECT slot, count, sum, lost, squares, least, most, first, last, sorted
    FROM hourly LEFT JOIN hourly_values USING (series, slot)
    WHERE series = ? AND slot >= ? AND slot < ? ORDER BY slot`);

  /** The readings of hours; undefined if there are more than `most`. */
  const read = (series: number, from: number, to: number, most: number): Part | undefined => {
    const { number } = readNumbers(series, from * hourMs, to * hourMs, most + 1);
    const count = number.length;
    if (count > most) return undefined;
    if (count === 0 || Number.isNaN(number[0])) return { count };
    const rollup = rollupOf(number);
    return { count, numbers: { rollup, sorted: groupValues(number.slice().sort()) } };
  };

  /** The parts of a day in the order of time; undefined if one of its hours has readings that cannot be rolled up. */
  const partsOf = (series: number, day: number): Part[] | undefined => {
    const parts: (Part | undefined)[] = [];
    const end = (day + 1) * hoursPerDay;
    let position = day * hoursPerDay;
    const readUpTo = (to: number): void => {
      if (to > position) parts.push(read(series, position, to, (to - position) * fewestReadings));
    };
    for (const row of hoursOf.all(series, position, end) as unknown as HourRow[]) {
      readUpTo(row.slot);
      parts.push(partOf(row));
      position = row.slot + 1;
    }
    readUpTo(end);
    const known = parts.filter((part) => part !== undefined);
    return known.length === parts.length ? known : undefined;
  };

  const put = (
    statement: StatementSync,
    series: number,
    slot: number,
    parts: readonly Part[],
  ): boolean => {
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    if (count < fewestReadings) return false;
    const numbers = parts.flatMap((part) => part.numbers ?? []);
    if (numbers.length === 0) {
      statement.run(series, slot, count, null, null, null, null, null, null, null, null);
      return true;
    }
    const whole = numbers.map(({ rollup }) => rollup).reduce(mergeRollups);
    const { sum, lost, squares, least, most, first, last } = whole;
    if (Math.max(-least, most) > largestValue) return false;
    const middle = medianOf(numbers.map(({ sorted }) => sorted));
    statement.run(series, slot, count, sum, lost, squares, least, most, middle, first, last);
    return true;
  };

  return {
    makeHour(series, hour) {
      const part = read(series, hour, hour + 1, mostReadings);
      if (part && put(putHour, series, hour, [part]) && part.numbers)
        putValues.run(series, hour, encodeValues(part.numbers.sorted));
    },
    makeDay(series, day) {
      const parts = partsOf(series, day);
      if (parts) put(putDay, series, day, parts);
    },
  };
}

const partOf = ({ sorted, ...rollup }: HourRow): Part => ({
  count: rollup.count,
  ...(sorted && { numbers: { rollup, sorted: unpackStored(() => decodeValues(sorted)) } }),
});
