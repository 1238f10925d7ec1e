import { ErrorCode, RpcError } from '../../../core/rpc/errors.ts';
import type { BucketAt } from '../../../core/telemetry/interval.ts';
import { createAggregateSink, createPointPage } from '../../../core/telemetry/point-page.ts';
import type { Aggregation, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { SegmentFrom } from '../../../core/telemetry/segments.ts';
import type { ReadingValue } from '../../../core/telemetry/types.ts';
import { remoteBuckets, type TimeRange } from './remote-points.ts';

/** Readings of the database that are read at once, where what waits goes among them. */
const pageReadings = 10_000;
/** Most readings one series is aggregated of here. */
const maxReadings = 500_000;

/** A reading that waits. */
export interface WaitingReading {
  timestamp: number;
  value: ReadingValue;
}

/** The first `limit` readings of a series; what waits replaces what the database has at the same time. */
export async function readingsWithWaiting(
  remote: RemoteDatabase,
  series: SeriesInfo,
  { start, end, limit }: TimeRange & { limit: number },
  waiting: readonly WaitingReading[],
): Promise<Point[]> {
  const stored = start < end ? await remote.readings(series, { start, end, limit }) : [];
  // Past a full page there may be more in the database.
  const until = stored.length < limit ? Infinity : (stored.at(-1)?.timestamp ?? Infinity);
  const points: Point[] = [];
  const add = ({ timestamp, value }: WaitingReading): void => {
    points.push({ timestamp, value, count: 1 });
  };
  let next = 0;
  for (const point of stored) {
    for (let one = waiting[next]; one && one.timestamp < point.timestamp; one = waiting[++next])
      add(one);
    if (waiting[next]?.timestamp !== point.timestamp) points.push(point);
  }
  for (let one = waiting[next]; one && one.timestamp <= until; one = waiting[++next]) add(one);
  return points.slice(0, limit);
}

/**
 * The first `limit` buckets of a series that hold readings. Buckets in which readings wait are aggregated here, of all
 * their readings; the database aggregates the others.
 * @param range `start` of what is asked of the database may be later than that of what waits
 * @throws RpcError -32006 when those buckets hold too many readings
 */
export async function bucketsWithWaiting(
  remote: RemoteDatabase,
  series: SeriesInfo,
  aggregation: Aggregation,
  { bucketAt, segmentFrom }: { bucketAt: BucketAt; segmentFrom: SegmentFrom },
  { start, end, limit }: TimeRange & { limit: number },
  waiting: readonly WaitingReading[],
): Promise<Point[]> {
  const points: Point[] = [];
  const left = (): number => limit - points.length;
  const fromDatabase = async (range: TimeRange): Promise<void> => {
    if (range.start >= range.end || left() <= 0) return;
    const asked = { ...range, limit: left() };
    points.push(...(await remoteBuckets(remote, series, aggregation, segmentFrom, asked)));
  };
  let from = start;
  for (const { first, last, readings } of stretches(waiting, bucketAt)) {
    await fromDatabase({ start: from, end: Math.min(first, end) });
    if (left() <= 0) return points;
    const range = { start: Math.max(first, start), end: Math.min(last, end) };
    const stored = readAll(remote, series, range);
    points.push(...(await aggregateHere(aggregation, bucketAt, left(), merge(stored, readings))));
    from = Math.max(from, last);
  }
  await fromDatabase({ start: from, end });
  return points;
}

/** Neighbouring buckets in which readings wait, from the start of the first to the end of the last. */
function* stretches(
  waiting: readonly WaitingReading[],
  bucketAt: BucketAt,
): Generator<{ first: number; last: number; readings: WaitingReading[] }> {
  let stretch: { first: number; last: number; readings: WaitingReading[] } | undefined;
  for (const one of waiting) {
    if (stretch && one.timestamp < stretch.last) {
      stretch.readings.push(one);
      continue;
    }
    const bucket = bucketAt(one.timestamp);
    if (stretch?.last === bucket.start) {
      stretch.last = bucket.end;
      stretch.readings.push(one);
      continue;
    }
    if (stretch) yield stretch;
    stretch = { first: bucket.start, last: bucket.end, readings: [one] };
  }
  if (stretch) yield stretch;
}

async function* readAll(
  remote: RemoteDatabase,
  series: SeriesInfo,
  { start, end }: TimeRange,
): AsyncGenerator<WaitingReading> {
  let count = 0;
  for (let from = start; from < end;) {
    const page = await remote.readings(series, { start: from, end, limit: pageReadings });
    count += page.length;
    if (count > maxReadings)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        `${series.measurement_type} has more than ${maxReadings} readings in intervals in which others still wait to be ` +
          'written; ask for a shorter interval or time_range, or again when nothing waits',
        { max: maxReadings, retryable: true },
      );
    yield* page;
    const last = page[pageReadings - 1];
    if (!last) return;
    from = last.timestamp + 1;
  }
}

async function* merge(
  stored: AsyncIterable<WaitingReading>,
  waiting: readonly WaitingReading[],
): AsyncGenerator<WaitingReading> {
  let next = 0;
  for await (const one of stored) {
    for (let mine = waiting[next]; mine && mine.timestamp < one.timestamp; mine = waiting[++next])
      yield mine;
    if (waiting[next]?.timestamp !== one.timestamp) yield one;
  }
  yield* waiting.slice(next);
}

async function aggregateHere(
  aggregation: Aggregation,
  bucketAt: BucketAt,
  limit: number,
  readings: AsyncIterable<WaitingReading>,
): Promise<Point[]> {
  const page = createPointPage(limit);
  page.begin(0);
  const sink = createAggregateSink(page, aggregation, bucketAt);
  for await (const { timestamp, value } of readings) if (!sink.add(timestamp, value)) break;
  sink.end();
  return page.series()[0]?.points ?? [];
}
