import { DatabaseSync } from 'node:sqlite';
import { createBuckets, parseInterval, type BucketAt } from '../../../core/telemetry/interval.ts';
import {
  createAggregateSink,
  createPointPage,
  createRawSink,
  type PagePosition,
  type PointPage,
} from '../../../core/telemetry/point-page.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';
import type { ValueType } from '../../../core/telemetry/types.ts';
import { createBucketAggregates } from './bucket-aggregates.ts';
import { createHotReader, createSeriesReader } from './series-reader.ts';
import { packPoints, type PackedPoints } from '../packing.ts';

/** A question about known series, in the order of its answer; times in milliseconds, end exclusive. */
export interface SeriesQuery {
  series: { id: number; type: ValueType }[];
  start: number;
  end: number;
  /** Where the first of the series starts, on a later page. */
  resumeAt?: number;
  aggregation?: Aggregation;
  interval?: string;
  timeZone?: string;
  limit: number;
}

export interface SeriesPage {
  /** `series` is the position in the question. */
  series: { series: number; points: PackedPoints }[];
  next?: PagePosition;
}

/** The telemetry database, as the reader thread uses it. */
export interface ReadingQueries {
  /** @throws RpcError -32602 for an interval or time zone that makes no sense */
  query(query: SeriesQuery): SeriesPage;
  close(): void;
}

/** Opens the file for reading; the writer has created it before. */
export function createReadingQueries(file: string): ReadingQueries {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('PRAGMA busy_timeout = 2000; PRAGMA cache_size = -16000');
  const hotOf = createHotReader(db);
  const readSeries = createSeriesReader(db);
  const aggregates = createBucketAggregates(db);

  const fill = (page: PointPage, query: SeriesQuery, bucketAt: BucketAt): void => {
    const { series, end, aggregation } = query;
    const hot = hotOf(query);
    const sink = aggregation
      ? createAggregateSink(page, aggregation, bucketAt)
      : createRawSink(page);
    for (const [position, { id, type }] of series.entries()) {
      page.begin(position);
      const start = position === 0 ? (query.resumeAt ?? query.start) : query.start;
      const range = { id, type, start, end, hot: hot.get(id) ?? [] };
      if (aggregation && aggregates.covers(aggregation, type))
        aggregates.fill(page, sink, aggregation, bucketAt, range, readSeries);
      else readSeries(range, sink);
      sink.end();
      if (page.next()) return;
    }
  };

  return {
    query(query) {
      const { start, end, interval, timeZone } = query;
      const bucketAt =
        interval === undefined
          ? () => ({ start, end })
          : createBuckets(parseInterval(interval), timeZone);
      const page = createPointPage(query.limit);
      // One transaction sees `readings` and `hot` at one moment, whatever is moved meanwhile.
      db.exec('BEGIN');
      try {
        fill(page, query, bucketAt);
      } finally {
        db.exec('COMMIT');
      }
      const next = page.next();
      return {
        series: page.series().map(({ series, points }) => ({ series, points: packPoints(points) })),
        ...(next && { next }),
      };
    },
    close: () => db.close(),
  };
}
