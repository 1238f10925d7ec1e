import { isObject, type JsonObject } from '../document.ts';
import { invalidParam, oneOf, optionalNumber, optionalObject, optionalString } from '../params.ts';
import { placeName } from '../rpc/quoted.ts';
import { nearest } from '../rpc/suggest.ts';
import { cleanText } from '../text.ts';
import { readTimeRange } from '../time-words/read-time.ts';
import { parseInterval } from './interval.ts';
import { aggregations, type Aggregation, type StoreAnswer, type StoreQuery } from './ports.ts';
import { timeZone, type TimeZone } from './time-zone.ts';
import { parseTimestamp } from './timestamp.ts';
import type { ReadingValue } from './types.ts';

/** How much one `data.query` may ask for. */
export interface DataQueryLimits {
  /** Points in an answer unless the caller says otherwise. */
  usualPoints: number;
  maxPoints: number;
  maxDevices: number;
  maxMeasurementTypes: number;
  /** Intervals that fit into the time range. */
  maxBuckets: number;
}

export const dataQueryLimits: DataQueryLimits = {
  usualPoints: 10_000,
  maxPoints: 100_000,
  maxDevices: 1_000,
  maxMeasurementTypes: 100,
  maxBuckets: 1_000_000,
};

const fields = [
  'device_ids',
  'measurement_types',
  'time_range',
  'aggregation',
  'interval',
  'time_zone',
  'limit',
  'cursor',
];
const rawWords = ['raw', 'none'];

/** The answer to `data.query`; times are ISO 8601 in UTC. */
export interface DataAnswer {
  series: {
    device_id: string;
    sensor_id?: string;
    measurement_type: string;
    unit?: string;
    points: { timestamp: string; value: ReadingValue; count: number }[];
  }[];
  truncated: boolean;
  cursor?: string;
}

/**
 * The params of `data.query` (specification section 4.3) as a question to the store.
 *
 * `time_range.start` is inclusive, `end` exclusive; both are ISO 8601 or milliseconds since the epoch, and a time that
 * names no offset is one of `time_zone` (UTC if absent). `aggregation` absent, `raw` or `none` asks for the readings
 * themselves; an aggregation without `interval` gives one point for the whole range.
 * @param clock with it, `time_range` may be said in words, such as "yesterday", by the clock of `time_zone` or this zone
 * @throws RpcError -32602 that names the field and what it may be
 */
export function parseDataQuery(
  params: JsonObject,
  limits = dataQueryLimits,
  clock?: { now: number; zone: string },
): StoreQuery {
  refuseUnknown(params, fields, '');
  const deviceIds = names(params, 'device_ids', limits.maxDevices);
  if (!deviceIds)
    throw invalidParam(
      'device_ids',
      'device_ids is missing; name one or more device or sensor ids',
    );
  const types = names(params, 'measurement_types', limits.maxMeasurementTypes);
  const zoneName = optionalString(params, 'time_zone');
  const { start, end } = parseRange(
    params,
    timeZone(zoneName ?? 'UTC'),
    clock && { ...clock, ...(zoneName !== undefined && { zone: zoneName }) },
  );
  const aggregation = parseAggregation(params);
  const interval = parseWidth(params, aggregation, end - start, limits.maxBuckets);
  const limit = optionalNumber(params, 'limit', { min: 1, max: limits.maxPoints, integer: true });
  const cursor = optionalString(params, 'cursor');
  return {
    device_ids: deviceIds,
    ...(types && { measurement_types: types }),
    start,
    end,
    ...(aggregation && { aggregation }),
    ...(interval !== undefined && { interval }),
    ...(zoneName !== undefined && { time_zone: zoneName }),
    limit: limit ?? limits.usualPoints,
    ...(cursor !== undefined && { cursor }),
  };
}

/** A store's answer as `data.query` gives it. */
export function formatDataAnswer(answer: StoreAnswer): DataAnswer {
  const { series, truncated, cursor } = answer;
  return {
    series: series.map(({ device_id, sensor_id, measurement_type, unit, points }) => ({
      device_id,
      ...(sensor_id !== undefined && { sensor_id }),
      measurement_type,
      ...(unit !== undefined && { unit }),
      points: points.map(({ timestamp, value, count }) => ({
        timestamp: new Date(timestamp).toISOString(),
        value,
        count,
      })),
    })),
    truncated,
    ...(cursor !== undefined && { cursor }),
  };
}

function refuseUnknown(params: JsonObject, known: readonly string[], prefix: string): void {
  const unknown = Object.keys(params).find((field) => !known.includes(field));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  const field = `${prefix}${cleanText(unknown, 64)}`;
  const why = `${placeName(field)} is no param of data.query; there are ${known.join(', ')}`;
  throw invalidParam(field, why, {
    allowed: known,
    ...(meant !== undefined && { nearest: meant }),
    fix:
      meant === undefined || params[meant] !== undefined
        ? { remove: [field] }
        : { rename: { [field]: `${prefix}${meant}` } },
  });
}

function names(params: JsonObject, field: string, max: number): string[] | undefined {
  const list = params[field] ?? undefined;
  if (list === undefined) return undefined;
  const fits =
    Array.isArray(list) &&
    list.length > 0 &&
    list.length <= max &&
    list.every((name): name is string => typeof name === 'string' && name !== '');
  if (!fits)
    throw invalidParam(
      field,
      `${field} must be an array of 1 to ${max} strings that are not empty`,
      {
        max,
        ...(typeof list === 'string' && list !== '' && { fix: { set: { [field]: [list] } } }),
        ...(Array.isArray(list) &&
          list.length > max && { fix: { split: { field, at_most: max } } }),
      },
    );
  return [...new Set(list)];
}

function parseRange(
  params: JsonObject,
  zone: TimeZone,
  clock: { now: number; zone: string } | undefined,
): { start: number; end: number } {
  if (clock && isInWords(params['time_range']))
    return readTimeRange(params['time_range'], { ...clock, field: 'time_range' });
  const range = optionalObject(params, 'time_range');
  if (!range)
    throw invalidParam(
      'time_range',
      'time_range is missing; it must be { start, end } in ISO 8601 or milliseconds since the epoch',
    );
  refuseUnknown(range, ['start', 'end'], 'time_range.');
  const start = parseInstant(range, 'start', zone);
  const end = parseInstant(range, 'end', zone);
  if (start >= end)
    throw invalidParam(
      'time_range',
      `time_range.start must be before time_range.end (start is inclusive, end exclusive); ` +
        `they are ${new Date(start).toISOString()} and ${new Date(end).toISOString()}`,
      start > end
        ? { fix: { set: { 'time_range.start': range['end'], 'time_range.end': range['start'] } } }
        : { suggestions: ['Set time_range.end to a later time than time_range.start.'] },
    );
  return { start, end };
}

/** Anything a timestamp is not made of: a text instead of the object, or an end such as "yesterday". */
function isInWords(range: unknown): boolean {
  if (typeof range === 'string') return true;
  if (!isObject(range)) return false;
  return ['start', 'end'].some((name) => {
    const value = range[name];
    return typeof value === 'string' && !/^[\d:.,+TtZz -]*$/.test(value);
  });
}

function parseInstant(range: JsonObject, name: string, zone: TimeZone): number {
  const value = range[name];
  const time = parseTimestamp(value);
  if (time === undefined || Math.abs(time) > 8.64e15)
    throw invalidParam(
      `time_range.${name}`,
      `time_range.${name} must be ISO 8601, such as 2025-09-30T00:00:00Z, or milliseconds since the epoch`,
      {
        expected: { type: 'string', format: 'date-time', example: '2025-09-30T00:00:00Z' },
        ...(typeof value === 'string' &&
          /^\d{12,14}$/.test(value) && { fix: { set: { [`time_range.${name}`]: Number(value) } } }),
      },
    );
  const isLocal = typeof value === 'string' && !/[Zz]$|[+-]\d{2}:?\d{2}$/.test(value.slice(10));
  return isLocal ? zone.instantOf(time) : time;
}

function parseAggregation(params: JsonObject): Aggregation | undefined {
  const value = optionalString(params, 'aggregation');
  if (value === undefined || rawWords.includes(value)) return undefined;
  const found = aggregations.find((word) => word === value);
  if (found) return found;
  const allowed = [...aggregations, ...rawWords];
  const why = `aggregation must be one of ${allowed.join(', ')}`;
  throw invalidParam('aggregation', why, oneOf('aggregation', value, allowed));
}

function parseWidth(
  params: JsonObject,
  aggregation: Aggregation | undefined,
  duration: number,
  maxBuckets: number,
): string | undefined {
  const interval = optionalString(params, 'interval');
  if (interval === undefined) return undefined;
  const width = parseInterval(interval);
  if (!aggregation)
    throw invalidParam(
      'aggregation',
      `interval ${interval} needs an aggregation: one of ${aggregations.join(', ')}`,
      { allowed: aggregations },
    );
  if (duration / width > maxBuckets)
    throw invalidParam(
      'interval',
      `the time_range holds more than ${maxBuckets} intervals of ${interval}; ` +
        `ask for at least ${Math.ceil(duration / maxBuckets / 1000)}s or a shorter time_range`,
      {
        max_intervals: maxBuckets,
        fix: { set: { interval: `${Math.ceil(duration / maxBuckets / 1000)}s` } },
      },
    );
  return interval;
}
