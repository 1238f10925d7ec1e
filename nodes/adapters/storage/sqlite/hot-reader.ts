import type { DatabaseSync } from 'node:sqlite';
import type { ReadingValue, ValueType } from '../../../core/telemetry/types.ts';
import { unpackStored } from '../open-database.ts';
import { decodeBatch } from '../packed-batch.ts';
import { unpackValue } from '../packing.ts';

/** A reading that still waits in `hot`. */
export interface HotReading {
  timestamp: number;
  value: ReadingValue;
}

/** Reads what of a question is still in `hot`: by series, in time order, one per time. */
export type ReadHot = (query: {
  series: readonly { id: number; type: ValueType }[];
  start: number;
  end: number;
}) => Map<number, HotReading[]>;

export function createHotReader(db: DatabaseSync): ReadHot {
  const commits = db.prepare('SELECT readings FROM hot ORDER BY number');

  return ({ series: asked, start, end }) => {
    const types = new Map(asked.map(({ id, type }) => [id, type]));
    const found = new Map<number, Map<number, ReadingValue>>();
    for (const { readings } of commits.all()) {
      const pack = unpackStored(() => decodeBatch(readings as Uint8Array));
      const { series, timestamp, number, text } = pack;
      let nextText = 0;
      for (let i = 0; i < series.length; i++) {
        const value = number[i] ?? 0;
        const ofText = Number.isNaN(value) ? text[nextText++] : undefined;
        const time = timestamp[i] ?? 0;
        if (time < start || time >= end) continue;
        const id = series[i] ?? 0;
        const type = types.get(id);
        if (type === undefined) continue;
        const values = found.get(id) ?? new Map<number, ReadingValue>();
        found.set(id, values);
        values.set(time, unpackValue(type, value, ofText));
      }
    }
    return new Map([...found].map(([id, values]) => [id, inTimeOrder(values)]));
  };
}

const inTimeOrder = (values: ReadonlyMap<number, ReadingValue>): HotReading[] =>
  [...values]
    .map(([timestamp, value]) => ({ timestamp, value }))
    .sort((a, b) => a.timestamp - b.timestamp);
