import type { Row } from '@influxdata/influxdb-client';
import type { LatestReading } from '../../../core/telemetry/ports.ts';
import type { RemoteSeries } from '../../../core/telemetry/remote.ts';
import { qualities, type Quality, type ValueType } from '../../../core/telemetry/types.ts';
import { originalTag, originalText } from './influx-text.ts';
import { readCell } from './influx2-rows.ts';
import { readValue } from './points.ts';

/** The newest value of each field of a series. */
type Fields = Map<string, { timestamp: number; value: string | number | boolean }>;

/** Gathers series from rows of the newest values of their fields, one field a row. */
export async function gatherSeries(rows: AsyncIterable<Row>): Promise<RemoteSeries[]> {
  const found = new Map<string, Fields>();
  for await (const row of rows) {
    const names = ['device_id', 'sensor_id', 'measurement_type'].map((tag) => readCell(row, tag));
    const key = JSON.stringify(names);
    const fields = found.get(key) ?? (new Map() as Fields);
    found.set(key, fields);
    const value = readCell(row, '_value');
    if (value !== undefined)
      fields.set(String(readCell(row, '_field')), {
        timestamp: Number(readCell(row, '_time')),
        value,
      });
  }
  return [...found].flatMap(([key, fields]) => {
    const [device, sensor, type] = JSON.parse(key) as (string | null)[];
    const newest = newestOf(fields);
    if (device == null || type == null || !newest) return [];
    const unit = fields.get('unit')?.value;
    return {
      device_id: originalTag(device),
      ...(sensor != null && { sensor_id: originalTag(sensor) }),
      measurement_type: originalTag(type),
      ...(unit !== undefined && { unit: originalText(String(unit)) }),
      ...newest,
    };
  });
}

const valueTypes: readonly [field: string, ValueType][] = [
  // A boolean is a number besides.
  ['boolean', 'boolean'],
  ['number', 'number'],
  ['text', 'string'],
];

function newestOf(fields: Fields): Pick<RemoteSeries, 'value_type' | 'latest'> | undefined {
  for (const [field, value_type] of valueTypes) {
    const found = fields.get(field);
    if (!found) continue;
    const { timestamp, value } = found;
    return {
      value_type,
      latest: { timestamp, value: readValue(value), quality: qualityAt(timestamp, fields) },
    };
  }
  return undefined;
}

function qualityAt(timestamp: number, fields: Fields): LatestReading['quality'] {
  const found = fields.get('quality');
  const known = found?.timestamp === timestamp && qualities.includes(found.value as Quality);
  return known ? (found.value as Quality) : 'good';
}
