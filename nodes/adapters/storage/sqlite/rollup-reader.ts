import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { BucketAt } from '../../../core/telemetry/interval.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';
import type { ReadingValue } from '../../../core/telemetry/types.ts';
import { unpackStored } from '../open-database.ts';
import { unpackValue } from '../packing.ts';
import { dayMs, hourMs } from './rollup-slots.ts';
import type { Rollup } from './rollup.ts';
import { firstFrom, type SeriesRange } from './series-reader.ts';
import { countValues, decodeValues, type SortedValues } from './sorted-values.ts';

/** All readings of an hour or day that lies in one bucket. Only what the aggregation needs is filled in. */
export interface RollupPart extends Omit<Rollup, 'first' | 'last'> {
  start: number;
  end: number;
  /** In the type of the series. */
  first: ReadingValue;
  last: ReadingValue;
  /** The median; only if the part is the whole bucket. */
  middle: number | undefined;
  sorted: SortedValues | undefined;
}

type RollupRow = Omit<RollupPart, 'sorted'> & { sorted?: Uint8Array };

/** Rollups of one size: where they are, what of them is needed, and when they may be used. */
interface Level {
  table: 'hourly' | 'hourly_values' | 'daily';
  slotMs: number;
  columns: readonly string[];
  /** They are only good for a bucket that is exactly their slot. */
  isWholeBucket?: boolean;
  /** Rows fetched at once. */
  chunk: number;
}

/** What the rollups are wanted for. */
export interface RollupUse {
  aggregation: Aggregation;
  /** Width of the buckets in milliseconds; absent: one bucket over the whole range. */
  width: number | undefined;
  bucketAt: BucketAt;
}

/** The rollups that can stand for readings of a range, in the order of time; what is between them is to be read. */
export type ReadRollups = (range: SeriesRange, use: RollupUse) => Generator<RollupPart>;

const columnsOf: Record<Aggregation, readonly string[]> = {
  avg: ['count', 'sum', 'lost'],
  sum: ['count', 'sum', 'lost'],
  min: ['count', 'least'],
  max: ['count', 'most'],
  count: ['count'],
  first: ['count', 'first'],
  last: ['count', 'last'],
  median: ['count', 'middle'],
  stddev: ['count', 'sum', 'lost', 'squares'],
};

/** Whether rollups can be of use for buckets of this width. */
export const usesRollups = (width: number | undefined): boolean =>
  width === undefined || width >= hourMs;

/** The largest first. The median of several parts is only in their values, which are kept by the hour. */
function levelsOf(aggregation: Aggregation, width = Infinity): Level[] {
  const columns = columnsOf[aggregation];
  const daily: Level = { table: 'daily', slotMs: dayMs, columns, chunk: 2_048 };
  const hourly: Level = { table: 'hourly', slotMs: hourMs, columns, chunk: 2_048 };
  const values: Level = {
    ...{ table: 'hourly_values', slotMs: hourMs, columns: ['sorted'], chunk: 128 },
  };
  if (aggregation !== 'median') return width < dayMs ? [hourly] : [daily, hourly];
  if (width === hourMs) return [{ ...hourly, isWholeBucket: true }];
  return width === dayMs ? [{ ...daily, isWholeBucket: true }, values] : [values];
}

export function createRollupReader(db: DatabaseSync): ReadRollups {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  const textAt = (order: 'ASC' | 'DESC') =>
    db.prepare(
      `SELECT text FROM readings WHERE series = ? AND timestamp >= ? AND timestamp < ?
       ORDER BY timestamp ${order} LIMIT 1`,
    );
  const [firstText, lastText] = [textAt('ASC'), textAt('DESC')];

  function* rowsOf(
    level: Level,
    series: number,
    start: number,
    end: number,
  ): Generator<RollupPart> {
    const { table, slotMs, columns, chunk } = level;
    const select = prepare(
      `SELECT slot * ${slotMs} AS start, (slot + 1) * ${slotMs} AS end, ${columns.join(', ')}
       FROM ${table} WHERE series = ? AND slot >= ? AND slot < ? ORDER BY slot LIMIT ${chunk}`,
    );
    const beyond = Math.floor(end / slotMs);
    for (let from = Math.ceil(start / slotMs); from < beyond;) {
      const rows = select.all(series, from, beyond) as unknown as RollupRow[];
      for (const row of rows) yield toPart(row);
      if (rows.length < chunk) return;
      from = (rows[chunk - 1]?.end ?? end) / slotMs;
    }
  }

  return function* read(range, { aggregation, width, bucketAt }) {
    const { id, type, hot } = range;
    const isUsable = ({ isWholeBucket }: Level, { start, end }: RollupPart): boolean => {
      const bucket = bucketAt(start);
      if (isWholeBucket ? bucket.start !== start || bucket.end !== end : bucket.end < end)
        return false;
      const waiting = hot[firstFrom(hot, start)];
      return waiting === undefined || waiting.timestamp >= end;
    };
    const edgeOf = (statement: StatementSync, number: ReadingValue, { start, end }: RollupPart) =>
      type === 'string'
        ? (statement.get(id, start, end)?.['text'] as string)
        : unpackValue(type, number as number, undefined);

    function* parts(levels: readonly Level[], start: number, end: number): Generator<RollupPart> {
      const [level, ...finer] = levels;
      if (!level) return;
      let position = start;
      for (const part of rowsOf(level, id, start, end)) {
        if (!isUsable(level, part)) continue;
        yield* parts(finer, position, part.start);
        if (aggregation === 'first') part.first = edgeOf(firstText, part.first, part);
        if (aggregation === 'last') part.last = edgeOf(lastText, part.last, part);
        yield part;
        position = part.end;
      }
      yield* parts(finer, position, end);
    }
    yield* parts(levelsOf(aggregation, width), range.start, range.end);
  };
}

function toPart({ sorted: body, ...row }: RollupRow): RollupPart {
  if (!body) return { ...row, sorted: undefined };
  const sorted = unpackStored(() => decodeValues(body));
  return { ...row, sorted, count: countValues(sorted) };
}
