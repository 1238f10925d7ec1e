import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { finite } from '../../../core/telemetry/aggregate.ts';
import type { BucketAt } from '../../../core/telemetry/interval.ts';
import type { PointPage, ReadingSink } from '../../../core/telemetry/point-page.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';
import type { ValueType } from '../../../core/telemetry/types.ts';
import type { HotReading, ReadSeries, SeriesRange } from './series-reader.ts';

/** What SQLite computes just as well itself, several times faster than reading every row. */
const expressions: Partial<Record<Aggregation, string>> = {
  avg: 'avg(number)',
  sum: 'sum(number)',
  min: 'min(number)',
  max: 'max(number)',
  count: 'count(*)',
};

/** Aggregates whole buckets inside SQLite where that is possible. */
export interface BucketAggregates {
  covers(aggregation: Aggregation, type: ValueType): boolean;
  /** Puts the points of a series on the page; buckets that have hot readings go through the sink. */
  fill(
    page: PointPage,
    sink: ReadingSink,
    aggregation: Aggregation,
    bucketAt: BucketAt,
    range: SeriesRange,
    readSeries: ReadSeries,
  ): void;
}

export function createBucketAggregates(db: DatabaseSync): BucketAggregates {
  const inRange = 'FROM readings WHERE series = ? AND timestamp >= ? AND timestamp < ?';
  const firstFrom = db.prepare(`SELECT timestamp ${inRange} ORDER BY timestamp LIMIT 1`);
  const statements = new Map<Aggregation, StatementSync>();
  for (const [aggregation, expression] of Object.entries(expressions))
    statements.set(
      aggregation as Aggregation,
      db.prepare(`SELECT ${expression} AS value, count(*) AS count ${inRange}`),
    );

  return {
    covers: (aggregation, type) => type !== 'string' && statements.has(aggregation),
    fill(page, sink, aggregation, bucketAt, { id, type, start, end, hot }, readSeries) {
      const statement = statements.get(aggregation);
      let from = start;
      let nextHot = 0;
      while (statement) {
        const stored = firstFrom.get(id, from, end)?.['timestamp'] as number | undefined;
        const first = Math.min(stored ?? end, hot[nextHot]?.timestamp ?? end);
        if (first >= end) return;
        const bucket = bucketAt(first);
        const to = Math.min(bucket.end, end);
        const inBucket: HotReading[] = [];
        for (let one = hot[nextHot]; one && one.timestamp < to; one = hot[++nextHot])
          inBucket.push(one);
        if (inBucket.length > 0) {
          if (!readSeries({ id, type, start: first, end: to, hot: inBucket }, sink)) return;
          sink.end();
        } else {
          if (!page.reserve(first)) return;
          const row = statement.get(id, first, to);
          // SQLite has no NaN: a sum that overflows both ways is null.
          page.push(bucket.start, finite(Number(row?.['value'] ?? NaN)), Number(row?.['count']));
        }
        from = to;
      }
    },
  };
}
