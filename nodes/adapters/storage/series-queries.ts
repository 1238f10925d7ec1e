import { assertAggregable } from '../../core/telemetry/aggregate.ts';
import { decodeCursor, encodeCursor } from '../../core/telemetry/cursor.ts';
import { createBuckets, parseInterval } from '../../core/telemetry/interval.ts';
import type { PagePosition } from '../../core/telemetry/point-page.ts';
import type { Aggregation, Point, StoreAnswer, StoreQuery } from '../../core/telemetry/ports.ts';
import { compareSeries, seriesInfo, type Series, type SeriesIndex } from './series-index.ts';

/** A question about known series, in the order of its answer; times in milliseconds, end exclusive. */
export interface SeriesQuestion {
  /** At least one. */
  series: readonly Series[];
  start: number;
  end: number;
  /** Where the first of the series starts, on a later page. */
  resumeAt?: number;
  aggregation?: Aggregation;
  interval?: string;
  timeZone?: string;
  limit: number;
}

/** The points of one page, by the position of their series in the question; series without any are left out. */
export interface GatheredPoints {
  series: { series: number; points: Point[] }[];
  /** Set when a point did not find room. */
  next?: PagePosition;
}

/** Answers a store's questions: finds the series in the index, and has their points gathered. */
export function createSeriesQueries(
  index: SeriesIndex,
  gather: (question: SeriesQuestion) => Promise<GatheredPoints>,
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

    const page = await gather({
      series,
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
        return owner ? [{ ...seriesInfo(owner), points }] : [];
      }),
      truncated: next !== undefined,
      ...(next &&
        page.next && {
          cursor: encodeCursor(query, { ...seriesInfo(next), timestamp: page.next.timestamp }),
        }),
    };
  };
}
