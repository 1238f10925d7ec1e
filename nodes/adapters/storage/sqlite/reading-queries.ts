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
import { createHotReader } from './hot-reader.ts';
import { createRollupReader, usesRollups, type RollupPart } from './rollup-reader.ts';
import { createRollupSink, type RollupSink } from './rollup-sink.ts';
import { createSeriesReader, type ReadSeries, type SeriesRange } from './series-reader.ts';
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
  const readHot = createHotReader(db);
  const readSeries = createSeriesReader(db);
  const readRollups = createRollupReader(db);

  const fill = (page: PointPage, query: SeriesQuery, { width, bucketAt }: Buckets): void => {
    const { series, end, aggregation } = query;
    const hot = readHot(query);
    const simpleSink =
      aggregation === undefined
        ? createRawSink(page)
        : createAggregateSink(page, aggregation, bucketAt);
    const fillSeries = (range: SeriesRange): void => {
      if (aggregation === undefined || !usesRollups(width)) {
        readSeries(range, simpleSink);
        simpleSink.end();
        return;
      }
      const sink = createRollupSink(page, aggregation, bucketAt, range.start);
      const parts = readRollups(range, { aggregation, width, bucketAt });
      fillFromParts(range, parts, readSeries, sink);
      sink.end();
    };
    for (const [position, { id, type }] of series.entries()) {
      page.begin(position);
      const start = position === 0 ? (query.resumeAt ?? query.start) : query.start;
      fillSeries({ id, type, start, end, hot: hot.get(id) ?? [] });
      if (page.next()) return;
    }
  };

  return {
    query(query) {
      const buckets = bucketsOf(query);
      const page = createPointPage(query.limit);
      // One transaction sees all tables at one moment, whatever is moved meanwhile.
      db.exec('BEGIN');
      try {
        fill(page, query, buckets);
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

interface Buckets {
  /** In milliseconds; absent: one bucket over the whole range. */
  width: number | undefined;
  bucketAt: BucketAt;
}

function bucketsOf({ start, end, interval, timeZone }: SeriesQuery): Buckets {
  if (interval === undefined) return { width: undefined, bucketAt: () => ({ start, end }) };
  const width = parseInterval(interval);
  const find = createBuckets(width, timeZone);
  let last = { start: 0, end: -Infinity };
  const bucketAt: BucketAt = (instant) => {
    if (instant < last.start || instant >= last.end) last = find(instant);
    return last;
  };
  return { width, bucketAt };
}

/** Puts parts into the sink, and between them the readings for which there is none. */
function fillFromParts(
  range: SeriesRange,
  parts: Iterable<RollupPart>,
  readSeries: ReadSeries,
  sink: RollupSink,
): void {
  let position = range.start;
  for (const part of parts) {
    const isBehind = position < part.start;
    if (isBehind && !readSeries({ ...range, start: position, end: part.start }, sink)) return;
    if (!sink.addPart(part)) return;
    position = part.end;
  }
  if (position < range.end) readSeries({ ...range, start: position }, sink);
}
