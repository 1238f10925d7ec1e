import { assertAggregable } from '../../../core/telemetry/aggregate.ts';
import { decodeCursor, encodeCursor } from '../../../core/telemetry/cursor.ts';
import { createBuckets, parseInterval } from '../../../core/telemetry/interval.ts';
import type { StoreAnswer, StoreQuery } from '../../../core/telemetry/ports.ts';
import { unpackPoints } from './packing.ts';
import { compareSeries, seriesInfo, type Series, type SeriesIndex } from '../series-index.ts';
import type { ReaderOperations } from './sqlite-reader.worker.ts';
import type { WorkerHost } from '../worker-host.ts';

/** Answers a store's questions: finds the series here, has the reader thread gather the points. */
export function createSeriesQueries(
  index: SeriesIndex,
  reader: WorkerHost<ReaderOperations>,
): (query: StoreQuery) => Promise<StoreAnswer> {
  const seriesOf = ({ device_ids, measurement_types }: StoreQuery): Series[] => {
    const types = measurement_types && new Set(measurement_types);
    return [...index.of(device_ids)]
      .filter(({ measurement_type }) => !types || types.has(measurement_type))
      .sort(compareSeries);
  };

  return async (query) => {
    const { start, end, aggregation, interval, time_zone: timeZone, limit } = query;
    if (interval !== undefined) createBuckets(parseInterval(interval), timeZone);
    const from = decodeCursor(query);
    const all = seriesOf(query);
    assertAggregable(all.map(seriesInfo), aggregation);
    const series = from ? all.filter((one) => compareSeries(one, from) >= 0) : all;
    const [first] = series;
    if (!first || start >= end) return { series: [], truncated: false };

    const page = await reader.call('query', {
      series: series.map(({ id, value_type }) => ({ id, type: value_type })),
      start,
      end,
      limit,
      ...(from && compareSeries(first, from) === 0 && { resumeAt: from.timestamp }),
      ...(aggregation && { aggregation }),
      ...(interval !== undefined && { interval }),
      ...(timeZone !== undefined && { timeZone }),
    });
    const next = page.next && series[page.next.series];
    return {
      series: page.series.flatMap(({ series: position, points }) => {
        const owner = series[position];
        return owner ? [{ ...seriesInfo(owner), points: unpackPoints(points) }] : [];
      }),
      truncated: next !== undefined,
      ...(next &&
        page.next && {
          cursor: encodeCursor(query, { ...seriesInfo(next), timestamp: page.next.timestamp }),
        }),
    };
  };
}
