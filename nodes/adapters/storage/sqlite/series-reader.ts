import type { DatabaseSync } from 'node:sqlite';
import type { ReadingSink } from '../../../core/telemetry/point-page.ts';
import type { ReadingValue, ValueType } from '../../../core/telemetry/types.ts';
import { unpackValue } from '../packing.ts';

/** Rows fetched at once: far faster than one by one, and bounded. */
const chunkRows = 4_096;

/** A reading that still waits in `hot`. */
export interface HotReading {
  timestamp: number;
  value: ReadingValue;
}

/** The part of one series a question is about; `hot` in time order, one per time. */
export interface SeriesRange {
  id: number;
  type: ValueType;
  start: number;
  end: number;
  hot: readonly HotReading[];
}

interface Row {
  timestamp: number;
  number?: number | null;
  text?: string | null;
}

/** Gives a sink the readings of a series in time order; false when the sink wanted no more. */
export type ReadSeries = (range: SeriesRange, sink: ReadingSink) => boolean;

export function createSeriesReader(db: DatabaseSync): ReadSeries {
  const select = (column: string) =>
    db.prepare(
      `SELECT timestamp, ${column} FROM readings
       WHERE series = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp LIMIT ${chunkRows}`,
    );
  const numbers = select('number');
  const texts = select('text');

  return ({ id, type, start, end, hot }, sink) => {
    const statement = type === 'string' ? texts : numbers;
    let nextHot = 0;
    const addHot = (before: number): boolean => {
      for (let one = hot[nextHot]; one && one.timestamp < before; one = hot[++nextHot]) {
        if (!sink.add(one.timestamp, one.value)) return false;
      }
      return true;
    };
    let from = start;
    for (;;) {
      const rows = statement.all(id, from, end) as unknown as Row[];
      for (const { timestamp, number, text } of rows) {
        if (!addHot(timestamp)) return false;
        // What is hot was written later than what has been moved.
        if (hot[nextHot]?.timestamp === timestamp) continue;
        if (!sink.add(timestamp, unpackValue(type, number ?? 0, text ?? undefined))) return false;
      }
      const last = rows[chunkRows - 1];
      if (!last) return addHot(end);
      from = last.timestamp + 1;
    }
  };
}

/** Reads what of a question is still in `hot`, by series. */
export function createHotReader(
  db: DatabaseSync,
): (query: {
  series: readonly { id: number; type: ValueType }[];
  start: number;
  end: number;
  resumeAt?: number;
}) => Map<number, HotReading[]> {
  const scan = db.prepare(
    `SELECT series, timestamp, number, text FROM hot
     WHERE timestamp >= ? AND timestamp < ? AND series IN (SELECT value FROM json_each(?)) ORDER BY rowid`,
  );

  return ({ series, start, end, resumeAt = start }) => {
    const ids = JSON.stringify(series.map(({ id }) => id));
    const types = new Map(series.map(({ id, type }) => [id, type]));
    const found = new Map<number, Map<number, ReadingValue>>();
    for (const row of scan.all(start, end, ids) as unknown as (Row & { series: number })[]) {
      if (row.series === series[0]?.id && row.timestamp < resumeAt) continue;
      const readings = found.get(row.series) ?? new Map<number, ReadingValue>();
      found.set(row.series, readings);
      const type = types.get(row.series) ?? 'number';
      readings.set(row.timestamp, unpackValue(type, row.number ?? 0, row.text ?? undefined));
    }
    return new Map(
      [...found].map(([id, readings]) => [
        id,
        [...readings]
          .map(([timestamp, value]) => ({ timestamp, value }))
          .sort((a, b) => a.timestamp - b.timestamp),
      ]),
    );
  };
}
