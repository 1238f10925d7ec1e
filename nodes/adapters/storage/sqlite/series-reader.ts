import type { DatabaseSync } from 'node:sqlite';
import type { ReadingSink } from '../../../core/telemetry/point-page.ts';
import type { ValueType } from '../../../core/telemetry/types.ts';
import { unpackValue } from '../packing.ts';
import type { HotReading } from './hot-reader.ts';
import { createNumberReader } from './number-columns.ts';

/** Readings fetched at once: few, so that a page that is soon full costs little, then more. */
const firstChunk = 512;
const mostNumbers = 65_536;
const mostTexts = 4_096;

/** The part of one series a question is about; `hot` in time order, one per time. */
export interface SeriesRange {
  id: number;
  type: ValueType;
  start: number;
  end: number;
  hot: readonly HotReading[];
}

/** Gives a sink the readings of a series in time order; false when the sink wanted no more. */
export type ReadSeries = (range: SeriesRange, sink: Pick<ReadingSink, 'add'>) => boolean;

/** Readings of one series that are in their place, in time order: numbers or texts. */
interface Chunk {
  timestamp: ArrayLike<number>;
  number?: ArrayLike<number>;
  text?: readonly string[];
}

export function createSeriesReader(db: DatabaseSync): ReadSeries {
  const readNumbers = createNumberReader(db);
  const readTexts = createTextReader(db);

  return ({ id, type, start, end, hot }, sink) => {
    const [read, largest] = type === 'string' ? [readTexts, mostTexts] : [readNumbers, mostNumbers];
    let nextHot = firstFrom(hot, start);
    const addHot = (before: number): boolean => {
      for (let one = hot[nextHot]; one && one.timestamp < before; one = hot[++nextHot])
        if (!sink.add(one.timestamp, one.value)) return false;
      return true;
    };
    const isHot = (time: number): boolean => (hot[nextHot]?.timestamp ?? Infinity) <= time;
    const addChunk = ({ timestamp, number, text }: Chunk): boolean => {
      for (let i = 0; i < timestamp.length; i++) {
        const time = timestamp[i] ?? 0;
        if (isHot(time)) {
          if (!addHot(time)) return false;
          // What is hot was written later than what has been moved.
          if (isHot(time)) continue;
        }
        const value =
          type === 'number' ? number?.[i] : unpackValue(type, number?.[i] ?? 0, text?.[i]);
        if (!sink.add(time, value ?? 0)) return false;
      }
      return true;
    };
    let from = start;
    for (let most = firstChunk; ; most = Math.min(most * 8, largest)) {
      const chunk = read(id, from, end, most);
      if (!addChunk(chunk)) return false;
      const { length } = chunk.timestamp;
      if (length < most) return addHot(end);
      from = (chunk.timestamp[length - 1] ?? 0) + 1;
    }
  };
}

/** The position of the first hot reading at or after a time. */
export function firstFrom(hot: readonly HotReading[], time: number): number {
  let low = 0;
  let high = hot.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((hot[middle]?.timestamp ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function createTextReader(
  db: DatabaseSync,
): (series: number, start: number, end: number, most: number) => Chunk {
  const select = db.prepare(
    `SELECT timestamp, text FROM readings
     WHERE series = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp LIMIT ?`,
  );
  return (series, start, end, most) => {
    const rows = select.all(series, start, end, most);
    return {
      timestamp: rows.map((row) => row['timestamp'] as number),
      text: rows.map((row) => row['text'] as string),
    };
  };
}
