import type { SeriesKey } from '../../../core/telemetry/ports.ts';
import { storedTag } from './influx-text.ts';
import { readingsMeasurement } from './line-protocol.ts';
import { latestTime } from './points.ts';

/** The statements' names for things; they are ours, so nothing in them needs escaping. */
export const theReadings = `FROM "${readingsMeasurement}"`;

/** Past all points, in nanoseconds. */
const afterAll = '9223372036854775806';

/** A name in InfluxQL, whatever is in it. */
export const quotedName = (name: string): string => `"${escaped(name, '"')}"`;

/** A string in InfluxQL, whatever is in it. */
export const quotedText = (text: string): string => `'${escaped(text, "'")}'`;

/** The condition that a tag has, or has not, a value; what no tag can hold is asked for as it is stored. */
export const tagIs = (tag: string, value: string): string =>
  `"${tag}" = ${quotedText(storedTag(value))}`;
export const tagIsNot = (tag: string, value: string): string =>
  `"${tag}" != ${quotedText(storedTag(value))}`;

/** The condition that a point is of a series. */
export function isOfSeries({ device_id, sensor_id, measurement_type }: SeriesKey): string {
  const sensor = sensor_id ? tagIs('sensor_id', sensor_id) : `"sensor_id" = ''`;
  return `${tagIs('device_id', device_id)} AND ${sensor} AND ${tagIs('measurement_type', measurement_type)}`;
}

/** The condition that a point is in [start, end); both are within what `cutRange` leaves. */
export const isInRange = ({ start, end }: { start: number; end: number }): string =>
  `time >= ${start}ms AND ${isBefore(end)}`;

/** The condition that a point is older than a time. */
export const isBefore = (end: number): string =>
  `time < ${end > latestTime ? afterAll : `${end}ms`}`;

const escaped = (text: string, quote: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(quote, `\\${quote}`);
