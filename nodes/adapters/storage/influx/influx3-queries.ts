import type { Aggregation, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { Segment } from '../../../core/telemetry/remote.ts';
import type { SqlQuery } from './influx3-client.ts';
import type { Remembered } from './influx3-forgotten.ts';
import { storedTag } from './influx-text.ts';
import { readingsMeasurement } from './line-protocol.ts';
import { bucketStart, isOneBucket, latestTime, valueFieldOf } from './points.ts';

export interface TimeRange {
  start: number;
  end: number;
}

const table = `"${readingsMeasurement}"`;
/** Past all rows. */
const afterAll = '2262-04-11T23:47:16.854775806Z';

const functions: Readonly<Record<Aggregation, (column: string) => string>> = {
  avg: (column) => `avg(${column})`,
  min: (column) => `min(${column})`,
  max: (column) => `max(${column})`,
  sum: (column) => `sum(${column})`,
  count: (column) => `count(${column})`,
  first: (column) => `first_value(${column} ORDER BY time)`,
  last: (column) => `last_value(${column} ORDER BY time)`,
  median: (column) => `median(${column})`,
  stddev: (column) => `stddev(${column})`,
};

/** The newest row of each series, generation and note in a range, with the newest unit. */
export const newestRows = (range: TimeRange): SqlQuery => ({
  sql:
    'SELECT device_id, sensor_id, measurement_type, generation, max(time) AS time, ' +
    ['number', 'text', 'boolean', 'quality']
      .map((column) => `last_value("${column}" ORDER BY time) AS "${column}", `)
      .join('') +
    'last_value(unit ORDER BY time) FILTER (WHERE unit IS NOT NULL) AS unit ' +
    `FROM ${table} WHERE time >= $start AND time < $end ` +
    'GROUP BY device_id, sensor_id, measurement_type, generation',
  params: timesOf(range),
});

/** Readings there are, forgotten ones included. */
export const countRows = (range: TimeRange): SqlQuery => ({
  sql: `SELECT count(quality) AS count FROM ${table} WHERE time >= $start AND time < $end`,
  params: timesOf(range),
});

/** Rows of `time` and `value`. */
export function selectReadings(
  series: SeriesInfo,
  remembered: Remembered,
  { limit, ...range }: TimeRange & { limit: number },
): SqlQuery {
  const column = `"${valueFieldOf(series)}"`;
  const { sql, params } = whereSeries(series, remembered, range, column);
  return { sql: `SELECT time, ${column} AS value ${sql} ORDER BY time LIMIT ${limit}`, params };
}

/** Rows of `value`, `count` and, unless the segment is one bucket, the `bucket` they are of. */
export function selectAggregates(
  series: SeriesInfo,
  remembered: Remembered,
  aggregation: Aggregation,
  segment: Segment & { limit: number },
): SqlQuery {
  const column = `"${valueFieldOf(series, aggregation)}"`;
  const { sql, params } = whereSeries(series, remembered, segment, column);
  const aggregates = `${functions[aggregation](column)} AS value, count(${column}) AS count`;
  if (isOneBucket(segment)) return { sql: `SELECT ${aggregates} ${sql}`, params };
  const { width, limit } = segment;
  // The first bucket may begin before any time there is; the second lies in the segment.
  const origin = dateTime(bucketStart(segment, segment.start) + width);
  const bucket = `date_bin(INTERVAL '${width} milliseconds', time, '${origin}'::TIMESTAMP)`;
  return {
    sql: `SELECT ${bucket} AS bucket, ${aggregates} ${sql} GROUP BY 1 ORDER BY 1 LIMIT ${limit}`,
    params,
  };
}

/** FROM and WHERE; values stand in conditions only, as parameters. */
function whereSeries(
  { device_id, sensor_id, measurement_type }: SeriesInfo,
  remembered: Remembered,
  range: TimeRange,
  column: string,
): SqlQuery {
  const rows = whereRemembered(remembered, range);
  const conditions = [
    'device_id = $device_id',
    sensor_id ? 'sensor_id = $sensor_id' : 'sensor_id IS NULL',
    'measurement_type = $measurement_type',
    'time >= $start AND time < $end',
    rows.sql,
    `${column} IS NOT NULL`,
  ];
  return {
    sql: `FROM ${table} WHERE ${conditions.join(' AND ')}`,
    params: {
      device_id: storedTag(device_id),
      ...(sensor_id && { sensor_id: storedTag(sensor_id) }),
      measurement_type: storedTag(measurement_type),
      ...timesOf(range),
      ...rows.params,
    },
  };
}

function whereRemembered({ usual, since, late }: Remembered, { start, end }: TimeRange): SqlQuery {
  const sql = usual === undefined ? 'generation IS NULL' : 'generation = $usual';
  const params = { ...(usual !== undefined && { usual }) };
  if (late === undefined || start >= since) return { sql, params };
  if (end <= since) return { sql: 'generation = $late', params: { late } };
  return {
    sql: `((${sql} AND time >= $since) OR generation = $late)`,
    params: { ...params, late, since: dateTime(since) },
  };
}

const timesOf = ({ start, end }: TimeRange) => ({ start: dateTime(start), end: dateTime(end) });

const dateTime = (time: number): string =>
  time > latestTime ? afterAll : new Date(time).toISOString();
