import type { Reading, ReadingValue } from '../../../core/telemetry/types.ts';
import { isPlain, storedTag, storedText } from './influx-text.ts';

/** The one measurement (a table in InfluxDB 3) all readings are points of; its layout is in docs/adr/0012-influxdb.md. */
export const readingsMeasurement = 'llm_iot_readings';

/** Longest name or text as it stands in a line, in UTF-16 units; no server takes 64 KiB or more of UTF-8. */
const longestText = 16_000;
/** Nanoseconds of 64 bits end in the years 1677 and 2262; a month before, so that the bucket around a reading fits. */
const farthestTime = 9_220_000_000_000;

/** Readings as lines, and what no server could store. */
export interface EncodedReadings {
  /** Line protocol with timestamps in milliseconds, one point each, without line ends. */
  lines: string[];
  /** Position in the batch of the reading each line is of. */
  positions: number[];
  /** By position in the batch. */
  rejected: { index: number; reason: string }[];
}

export function encodeReadings(readings: readonly Reading[]): EncodedReadings {
  const encoded: EncodedReadings = { lines: [], positions: [], rejected: [] };
  for (const [index, reading] of readings.entries()) {
    const reason = refusalOf(reading);
    if (reason !== undefined) {
      encoded.rejected.push({ index, reason });
      continue;
    }
    encoded.lines.push(encodeReading(reading));
    encoded.positions.push(index);
  }
  return encoded;
}

/**
 * A reading as one line. Quality is always written, because a point that is written again keeps the fields it is not
 * given anew; a reading without a unit says nothing about the unit, so the one there is stays.
 */
function encodeReading(reading: Reading): string {
  const { device_id, sensor_id, measurement_type, value, unit, quality = 'good' } = reading;
  // In the order of their keys, as the servers keep them.
  const sensor = sensor_id ? `,sensor_id=${escapedTag(sensor_id)}` : '';
  const tags = `device_id=${escapedTag(device_id)},measurement_type=${escapedTag(measurement_type)}${sensor}`;
  const unitField = unit === undefined ? '' : `,unit=${quoted(unit)}`;
  return `${readingsMeasurement},${tags} ${valueFields(value)},quality=${quoted(quality)}${unitField} ${reading.timestamp}`;
}

/** Each type has a field of its own; a boolean is a number besides, so that it aggregates. */
function valueFields(value: ReadingValue): string {
  if (typeof value === 'string') return `text=${quoted(value)}`;
  if (typeof value === 'boolean') return `boolean=${value},number=${Number(value)}`;
  return `number=${Object.is(value, -0) ? '-0' : value}`;
}

/** A text as it stands in a line as the value of a tag. */
export const escapedTag = (text: string): string =>
  isPlain(text) ? text : storedTag(text).replace(/[,= ]/g, '\\$&');
const quoted = (text: string): string =>
  isPlain(text) ? `"${text}"` : `"${storedText(text).replace(/["\\]/g, '\\$&')}"`;

/** Why no server can store a reading; undefined if one can. */
function refusalOf(reading: Reading): string | undefined {
  const { value, timestamp } = reading;
  if (!Number.isSafeInteger(timestamp) || Math.abs(timestamp) > farthestTime)
    return 'timestamp must be a whole number of milliseconds between the years 1678 and 2261';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'value must be a finite number';
  for (const name of texts) {
    const text = reading[name];
    if (typeof text === 'string' && isTooLong(text))
      return `${name} may have ${longestText} characters at most`;
  }
  return undefined;
}

const texts = ['device_id', 'sensor_id', 'measurement_type', 'value', 'unit', 'quality'] as const;

/** Nothing becomes more than six times longer by encoding. */
const isTooLong = (text: string): boolean =>
  text.length * 6 > longestText && storedText(text).length > longestText;
