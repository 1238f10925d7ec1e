import type { ParameterizedQuery } from '@influxdata/influxdb-client';
import type { Aggregation, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { Segment } from '../../../core/telemetry/remote.ts';
import type { Influx2Library } from './influx2-client.ts';
import { storedTag } from './influx-text.ts';
import { readingsMeasurement } from './line-protocol.ts';
import { earliestTime, isOneBucket, latestTime, valueFieldOf } from './points.ts';

interface Range {
  start: number;
  end: number;
}

/** The Flux texts a hub asks; every value is put in by the library, which escapes it. */
export interface Influx2Queries {
  /** The newest value of every field of every series: `_time`, `_value`, `_field` and the tags. */
  newest(): ParameterizedQuery;
  /** The number of readings as `_value`; no row if there are none. */
  count(): ParameterizedQuery;
  /** `_time` and `_value`. */
  readings(series: SeriesInfo, range: Range & { limit: number }): ParameterizedQuery;
  /**
   * Results `value` (but for counts) and `count`, with `_value` and, unless the segment is one bucket, a `_time`
   * somewhere in the bucket: windows begin where the range does at the earliest.
   */
  aggregate(
    series: SeriesInfo,
    aggregation: Aggregation,
    segment: Segment & { limit: number },
  ): ParameterizedQuery;
}

/** Past all points; `stop` is exclusive. */
const afterAll = '2262-04-11T23:47:16.854775806Z';

const functions: Record<Aggregation, { name: string; option?: string }> = {
  avg: { name: 'mean' },
  min: { name: 'min' },
  max: { name: 'max' },
  sum: { name: 'sum' },
  count: { name: 'count' },
  first: { name: 'first' },
  last: { name: 'last' },
  median: { name: 'median', option: 'method: "exact_mean"' },
  stddev: { name: 'stddev', option: 'mode: "sample"' },
};

export function createInflux2Queries(
  { flux, fluxDateTime, fluxDuration, fluxExpression }: Influx2Library,
  bucket: string,
): Influx2Queries {
  const between = ({ start, end }: Range): ParameterizedQuery => {
    const stop = end > latestTime ? afterAll : new Date(end).toISOString();
    return flux`from(bucket: ${bucket})
  |> range(start: ${fluxDateTime(new Date(start).toISOString())}, stop: ${fluxDateTime(stop)})
  |> filter(fn: (r) => r._measurement == ${readingsMeasurement})`;
  };
  const ofSeries = (series: SeriesInfo, field: string, range: Range): ParameterizedQuery => {
    const { device_id, sensor_id, measurement_type } = series;
    const sensor = sensor_id
      ? flux`r.sensor_id == ${storedTag(sensor_id)}`
      : flux`not exists r.sensor_id`;
    return flux`${between(range)}
  |> filter(fn: (r) => r._field == ${field})
  |> filter(fn: (r) => r.device_id == ${storedTag(device_id)})
  |> filter(fn: (r) => r.measurement_type == ${storedTag(measurement_type)})
  |> filter(fn: (r) => ${sensor})`;
  };
  const once = (aggregation: Aggregation): ParameterizedQuery => {
    const { name, option = '' } = functions[aggregation];
    return flux`
  |> ${fluxExpression(`${name}(${option})`)}
  |> keep(columns: ["_value"])`;
  };
  const windows = (
    aggregation: Aggregation,
    { width, origin, limit }: Segment & { limit: number },
  ): ParameterizedQuery => {
    const { name, option } = functions[aggregation];
    const fn = option
      ? `(tables=<-, column) => tables |> ${name}(${option}, column: column)`
      : name;
    const offset = ((origin % width) + width) % width;
    return flux`
  |> aggregateWindow(every: ${fluxDuration(`${width}ms`)}, offset: ${fluxDuration(`${offset}ms`)}, fn: ${fluxExpression(fn)}, createEmpty: false, timeSrc: "_start")
  |> keep(columns: ["_time", "_value"])
  |> sort(columns: ["_time"])
  |> limit(n: ${limit})`;
  };

  const everything = { start: earliestTime, end: latestTime + 1 };
  return {
    count: () => flux`${between(everything)}
  |> filter(fn: (r) => r._field == "quality")
  |> count()
  |> keep(columns: ["_value"])
  |> sum()`,
    newest: () => flux`${between(everything)}
  |> last()
  |> keep(columns: ["_time", "_value", "_field", "device_id", "sensor_id", "measurement_type"])`,
    readings: (series, { limit, ...range }) => flux`${ofSeries(series, valueFieldOf(series), range)}
  |> limit(n: ${limit})
  |> keep(columns: ["_time", "_value"])`,
    aggregate(series, aggregation, segment) {
      const data = ofSeries(series, valueFieldOf(series, aggregation), segment);
      const made = (one: Aggregation): ParameterizedQuery =>
        isOneBucket(segment) ? once(one) : windows(one, segment);
      const count = flux`data${made('count')}
  |> yield(name: "count")`;
      if (aggregation === 'count')
        return flux`data = ${data}
${count}`;
      return flux`data = ${data}
data${made(aggregation)}
  |> yield(name: "value")
${count}`;
    },
  };
}
