import type { WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { packQuality } from '../packing.ts';
import { refusalOf } from '../series-index.ts';
import { float8Array, int2Array, int4Array, int8Array, textArray } from './binary-arrays.ts';
import type { Connections } from './connections.ts';
import { isRefusal } from './errors.ts';
import { schema } from './layout.ts';
import type { SeriesIds, StoredSeries } from './series-ids.ts';
import { encodeText } from './text.ts';

/** Readings of one transaction, and characters of text in it. */
const maxReadings = 10_000;
const maxCharacters = 8_000_000;
/** An entry of an index fits on a page three times. */
const maxNameBytes = 2_000;

type Rejections = WriteResult['rejected'];
interface Entry {
  index: number;
  reading: Reading;
}

/** Redelivered readings that change nothing are not written again. */
const upsertReadings = `
  INSERT INTO ${schema}.readings AS stored (series, timestamp, number, text, quality)
  SELECT * FROM unnest($1::integer[], $2::bigint[], $3::double precision[], $4::text[], $5::smallint[])
  ON CONFLICT (series, timestamp) DO UPDATE
  SET number = excluded.number, text = excluded.text, quality = excluded.quality
  WHERE (stored.number, stored.text, stored.quality)
    IS DISTINCT FROM (excluded.number, excluded.text, excluded.quality)`;

/** Writes readings in as few transactions as it takes to keep those that are refused from the others. */
export function createWriter(
  { transaction }: Connections,
  seriesIds: SeriesIds,
): (readings: readonly Reading[]) => Promise<Rejections> {
  const writeTogether = async (entries: readonly Entry[]): Promise<Rejections> => {
    const rejected: Rejections = [];
    const { applied } = await transaction(async (query) => {
      const resolved = await seriesIds.resolve(
        query,
        entries.map(({ reading }) => reading),
      );
      const rows: Row[] = [];
      for (const [position, { index, reading }] of entries.entries()) {
        const owner = resolved.owners[position] as StoredSeries;
        const reason = refusalOf(reading, owner);
        if (reason === undefined) rows.push({ series: owner.id, position, reading });
        else rejected.push({ index, reason });
      }
      if (rows.length > 0) await query(upsertReadings, columnsOf(lastOfEach(rows)));
      return resolved;
    });
    applied();
    return rejected;
  };
  const writeApart = async (entries: readonly Entry[]): Promise<Rejections> => {
    try {
      return await writeTogether(entries);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [first] = entries;
      if (first && entries.length === 1)
        return [{ index: first.index, reason: (error as Error).message }];
      const middle = entries.length >>> 1;
      return [
        ...(await writeApart(entries.slice(0, middle))),
        ...(await writeApart(entries.slice(middle))),
      ];
    }
  };

  return async (readings) => {
    const rejected: Rejections = [];
    const entries: Entry[] = [];
    for (const [index, reading] of readings.entries()) {
      const reason = refusalOf(reading, undefined) ?? refusalOfNames(reading);
      if (reason === undefined) entries.push({ index, reading });
      else rejected.push({ index, reason });
    }
    for (const part of partsOf(entries)) rejected.push(...(await writeApart(part)));
    return rejected;
  };
}

function refusalOfNames({
  device_id,
  sensor_id = '',
  measurement_type,
}: Reading): string | undefined {
  const names = device_id + sensor_id + measurement_type;
  // No unit of a string takes more than five bytes, escaped or not.
  if (names.length * 5 <= maxNameBytes) return undefined;
  return Buffer.byteLength(encodeText(names)) > maxNameBytes
    ? `device_id, sensor_id and measurement_type must be ${maxNameBytes} bytes together at most`
    : undefined;
}

function* partsOf(entries: readonly Entry[]): Generator<Entry[]> {
  let part: Entry[] = [];
  let characters = 0;
  for (const entry of entries) {
    const { value } = entry.reading;
    part.push(entry);
    characters += typeof value === 'string' ? value.length : 0;
    if (part.length < maxReadings && characters < maxCharacters) continue;
    yield part;
    part = [];
    characters = 0;
  }
  if (part.length > 0) yield part;
}

interface Row {
  series: number;
  position: number;
  reading: Reading;
}

/**
 * One row of each series and time, the last, because a statement must not touch a row twice; in the order of the index,
 * so that two hubs that write the same readings wait for each other instead of blocking each other.
 */
function lastOfEach(rows: readonly Row[]): Row[] {
  const sorted = [...rows].sort(
    (a, b) =>
      a.series - b.series || a.reading.timestamp - b.reading.timestamp || a.position - b.position,
  );
  return sorted.filter(({ series, reading: { timestamp } }, i) => {
    const next = sorted[i + 1];
    return next?.series !== series || next.reading.timestamp !== timestamp;
  });
}

const columnsOf = (rows: readonly Row[]): Buffer[] => [
  int4Array(rows.map(({ series }) => series)),
  int8Array(rows.map(({ reading }) => reading.timestamp)),
  float8Array(
    rows.map(({ reading: { value } }) => (typeof value === 'string' ? NaN : Number(value))),
  ),
  textArray(
    rows.map(({ reading: { value } }) =>
      typeof value === 'string' ? encodeText(value) : undefined,
    ),
  ),
  int2Array(rows.map(({ reading }) => packQuality(reading.quality))),
];
