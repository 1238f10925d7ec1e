import { createAggregateSink, createPointPage } from '../../../core/telemetry/point-page.ts';
import type { Aggregation, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, Segment } from '../../../core/telemetry/remote.ts';
import { mostRows, type Influx1Client } from './influx1-client.ts';
import { isInRange, isOfSeries, theReadings } from './influxql.ts';
import {
  aggregatePoint,
  bucketStart,
  cutRange,
  isOneBucket,
  readValue,
  valueFieldOf,
} from './points.ts';

type Queries = Pick<RemoteDatabase, 'readings' | 'aggregate'>;
type Limited<Range> = Range & { limit: number };

const functions: Record<Aggregation, string> = {
  avg: 'mean',
  min: 'min',
  max: 'max',
  sum: 'sum',
  count: 'count',
  first: 'first',
  last: 'last',
  median: 'median',
  stddev: 'stddev',
};

export function createInflux1Queries(client: Influx1Client): Queries {
  const readPage: Queries['readings'] = async (series, range) => {
    const [table] = await client.query(
      `SELECT "${valueFieldOf(series)}" ${theReadings}` +
        ` WHERE ${isOfSeries(series)} AND ${isInRange(range)} LIMIT ${range.limit}`,
    );
    return (table?.rows ?? []).map(([timestamp, value]) => ({
      timestamp: timestamp as number,
      value: readValue(value),
      count: 1,
    }));
  };
  const aggregatePage: Queries['aggregate'] = async (series, aggregation, segment) => {
    const { width, origin, limit } = segment;
    // The widths of long ranges do not fit into the server's nanoseconds, but then there is one bucket.
    const isOne = isOneBucket(segment);
    const grouping = isOne
      ? ''
      : ` GROUP BY time(${width}ms, ${origin % width}ms) fill(none) LIMIT ${limit}`;
    const field = `"${valueFieldOf(series, aggregation)}"`;
    const [table] = await client.query(
      `SELECT ${functions[aggregation]}(${field}), count(${field}) ${theReadings}` +
        ` WHERE ${isOfSeries(series)} AND ${isInRange(segment)}${grouping}`,
    );
    return (table?.rows ?? []).map(([timestamp, value, count]) => {
      const start = isOne ? bucketStart(segment, segment.start) : (timestamp as number);
      return aggregatePoint(aggregation, start, value, count as number);
    });
  };
  /** Computes from the readings. */
  const aggregateHere = async (
    series: SeriesInfo,
    aggregation: Aggregation,
    segment: Limited<Segment>,
  ): Promise<Point[]> => {
    const page = createPointPage(segment.limit);
    const sink = createAggregateSink(page, aggregation, (instant) => {
      const start = bucketStart(segment, instant);
      return { start, end: start + segment.width };
    });
    page.begin(0);
    const everything = { ...segment, limit: Infinity };
    for await (const points of pagesOf(everything, 1, (part) => readPage(series, part)))
      if (!points.every(({ timestamp, value }) => sink.add(timestamp, value))) break;
    sink.end();
    return page.series()[0]?.points ?? [];
  };

  return {
    async readings(series, wanted) {
      const range = cutRange(wanted);
      if (!range) return [];
      return gathered(pagesOf(range, 1, (part) => readPage(series, part)));
    },
    async aggregate(series, aggregation, wanted) {
      const segment = cutRange(wanted);
      if (!segment) return [];
      try {
        const ask = (part: Limited<Segment>) => aggregatePage(series, aggregation, part);
        return await gathered(pagesOf(segment, segment.width, ask));
      } catch (error) {
        // Infinity has no place in the server's answer.
        if (error instanceof SyntaxError) return aggregateHere(series, aggregation, segment);
        throw error;
      }
    },
  };
}

/** Asks for as many points at once as the server gives for certain; each page starts a step after the last point. */
async function* pagesOf<Range extends { start: number; end: number }>(
  range: Limited<Range>,
  step: number,
  ask: (part: Limited<Range>) => Promise<Point[]>,
): AsyncGenerator<Point[]> {
  let { start, limit } = range;
  while (limit > 0 && start < range.end) {
    const asked = Math.min(limit, mostRows);
    const points = await ask({ ...range, start, limit: asked });
    yield points;
    if (points.length < asked) return;
    start = (points.at(-1)?.timestamp ?? range.end) + step;
    limit -= points.length;
  }
}

async function gathered(pages: AsyncIterable<Point[]>): Promise<Point[]> {
  const all: Point[][] = [];
  for await (const page of pages) all.push(page);
  return all.flat();
}
