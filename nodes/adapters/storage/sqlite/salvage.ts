import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { qualities } from '../../../core/telemetry/types.ts';
import { decodeBatch } from '../packed-batch.ts';
import { readDamaged, unlessBroken, type NewDatabase } from '../read-damaged.ts';
import { createRowReader } from './readable-rows.ts';
import { markAllStale } from './sqlite-schema.ts';

/** Series are packed as numbers of 32 bits. */
const largestSeries = 2 ** 32 - 1;
/** Of JavaScript's dates, in milliseconds. */
const latestTime = 8.64e15;
const valueTypes = ['number', 'boolean', 'string'];

/** What could be read of a damaged file. */
export interface Salvaged {
  readings: number;
  /** Nothing was missing. */
  isWhole: boolean;
}

/** A reading as it was found, which may be anything. */
interface FoundReading {
  timestamp?: SQLOutputValue;
  number?: SQLOutputValue;
  text?: SQLOutputValue;
  quality?: SQLOutputValue;
}

/** Copies all series and readings that can be read of a damaged telemetry file into a new one. */
export const salvage = (damaged: string, into: NewDatabase): Salvaged =>
  readDamaged(damaged, into, (from) => copyReadable(from, into.db)) ?? {
    readings: 0,
    isWhole: false,
  };

function copyReadable(from: DatabaseSync, into: DatabaseSync): Salvaged {
  let isWhole = true;
  const onGap = (): void => {
    isWhole = false;
  };
  const types = copySeries(from, into, onGap);
  const put = into.prepare('INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?)');
  const add = (series: number, found: FoundReading): void => {
    const type = types.get(series);
    if (type === undefined) return;
    const { timestamp = null, number = null, text = null, quality = null } = found;
    if (fits(type, found)) put.run(series, timestamp, number, text, quality);
    else onGap();
  };
  const placed = createRowReader(from, {
    ...{ table: 'readings', key: 'timestamp', ofColumn: 'series', onGap },
  });
  for (const series of types.keys()) for (const row of placed(series)) add(series, row);
  // What is hot was written later.
  for (const [series, reading] of hotReadings(from, onGap)) add(series, reading);
  into.exec(`UPDATE counters SET readings = (SELECT count(*) FROM readings); ${markAllStale}`);
  const counted = into.prepare('SELECT readings FROM counters').get();
  return { readings: Number(counted?.['readings']), isWhole };
}

/** Gives the value types of the series that were copied. */
function copySeries(
  from: DatabaseSync,
  into: DatabaseSync,
  onGap: () => void,
): Map<number, string> {
  const types = new Map<number, string>();
  const put = into.prepare('INSERT OR IGNORE INTO series VALUES (?, ?, ?, ?, ?, ?)');
  const rows = createRowReader(from, { table: 'series', key: 'id', onGap });
  for (const { id, device_id, sensor_id, measurement_type, unit, value_type } of rows()) {
    const names = [device_id, sensor_id, measurement_type, unit ?? ''];
    const isSeries =
      names.every((name) => typeof name === 'string') &&
      isBetween(id, 1, largestSeries) &&
      valueTypes.includes(value_type as string);
    const fields = [id, device_id, sensor_id, measurement_type, unit, value_type];
    if (isSeries && put.run(...fields.map((field) => field ?? null)).changes === 1)
      types.set(id, value_type as string);
    else onGap();
  }
  return types;
}

function* hotReadings(
  from: DatabaseSync,
  onGap: () => void,
): Generator<[series: number, reading: FoundReading]> {
  const rows = createRowReader(from, { table: 'hot', key: 'number', onGap });
  const bodies = [...rows()].sort((a, b) => Number(a['number']) - Number(b['number']));
  for (const { readings } of bodies) {
    const pack = unlessBroken(() => decodeBatch(readings as Uint8Array));
    if (!pack) onGap();
    let nextText = 0;
    for (const [i, series] of pack?.series.entries() ?? []) {
      const number = pack?.number[i] ?? NaN;
      const isText = Number.isNaN(number);
      yield [
        series,
        {
          timestamp: pack?.timestamp[i] ?? NaN,
          number: isText ? null : number,
          text: isText ? (pack?.text[nextText++] ?? null) : null,
          quality: pack?.quality[i] ?? NaN,
        },
      ];
    }
  }
}

function fits(type: string, { timestamp, number, text, quality }: FoundReading): boolean {
  const value = type === 'string' ? text : number;
  return (
    typeof value === (type === 'string' ? 'string' : 'number') &&
    isBetween(timestamp, -latestTime, latestTime) &&
    isBetween(quality, 0, qualities.length - 1)
  );
}

const isBetween = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
