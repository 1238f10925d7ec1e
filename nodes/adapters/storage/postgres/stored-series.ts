import type { RemoteSeries } from '../../../core/telemetry/remote.ts';
import type { ValueType } from '../../../core/telemetry/types.ts';
import { unpackQuality, unpackValue } from '../packing.ts';
import type { Connections } from './connections.ts';
import { schema } from './layout.ts';
import { decodeText } from './text.ts';

/** Series of one answer, so that no statement takes long and no answer is large. */
const atOnce = 5_000;

/** The newest reading of each is the last in its part of the index. */
const nextSeries = `
  SELECT id, device_id, sensor_id, measurement_type, value_type, unit, timestamp, number, text, quality
  FROM ${schema}.series LEFT JOIN LATERAL (
    SELECT timestamp, number, text, quality FROM ${schema}.readings
    WHERE series = id ORDER BY timestamp DESC LIMIT 1
  ) AS latest ON true
  WHERE id > $1 AND NOT removed ORDER BY id LIMIT ${atOnce}`;

interface SeriesRow {
  id: number;
  device_id: string;
  sensor_id: string;
  measurement_type: string;
  value_type: ValueType;
  unit: string | null;
  timestamp: number | null;
  number: number | null;
  text: string | null;
  quality: number | null;
}

export async function listSeries({ query }: Connections): Promise<RemoteSeries[]> {
  const found: RemoteSeries[] = [];
  for (let last = 0; ;) {
    const rows = await query<SeriesRow>(nextSeries, [last]);
    for (const row of rows) found.push(remoteSeries(row));
    last = rows.at(-1)?.id ?? last;
    if (rows.length < atOnce) return found;
  }
}

function remoteSeries(row: SeriesRow): RemoteSeries {
  const { device_id, sensor_id, measurement_type, value_type, unit } = row;
  const { timestamp, number, text, quality } = row;
  return {
    device_id: decodeText(device_id),
    ...(sensor_id !== '' && { sensor_id: decodeText(sensor_id) }),
    measurement_type: decodeText(measurement_type),
    value_type,
    ...(unit !== null && { unit: decodeText(unit) }),
    ...(timestamp !== null && {
      latest: {
        timestamp,
        value: unpackValue(value_type, number ?? 0, text === null ? undefined : decodeText(text)),
        quality: unpackQuality(quality ?? 0),
      },
    }),
  };
}
