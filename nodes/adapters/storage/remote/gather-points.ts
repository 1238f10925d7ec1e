import { ErrorCode, RpcError } from '../../../core/rpc/errors.ts';
import { createBuckets, parseInterval, type BucketAt } from '../../../core/telemetry/interval.ts';
import { createPointPage } from '../../../core/telemetry/point-page.ts';
import type { Point } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import { createSegments, type SegmentFrom } from '../../../core/telemetry/segments.ts';
import { unpackReadings } from '../packing.ts';
import { seriesInfo, type Series } from '../series-index.ts';
import type { GatheredPoints, SeriesQuestion } from '../series-queries.ts';
import { keptFrom } from './changes.ts';
import { remoteBuckets, type TimeRange } from './remote-points.ts';
import type { EnteredChange } from './spool-types.ts';
import type { Spool } from './spool.ts';
import { bucketsWithWaiting, readingsWithWaiting, type WaitingReading } from './waiting-points.ts';

/** Series that are asked for at the same time. */
const atOnce = 4;

interface Buckets {
  bucketAt: BucketAt;
  segmentFrom: SegmentFrom;
}

/** Gathers the points of a page, series by series: what the database has, and what still waits for it. */
export async function gatherPoints(
  { remote, spool }: { remote: RemoteDatabase; spool: Spool },
  question: SeriesQuestion,
  signal: AbortSignal,
): Promise<GatheredPoints> {
  const { series, start, end, resumeAt = start, limit } = question;
  const startOf = (position: number): number => (position === 0 ? resumeAt : start);
  const buckets = bucketsOf(question);
  // What is delivered from here on is found in the database, because that is asked last.
  const changes = spool.changes();
  const waiting = await readWaiting(spool, question, changes);
  const page = createPointPage(limit);

  const pointsOf = (one: Series, position: number): Promise<Point[]> => {
    signal.throwIfAborted();
    const from = startOf(position);
    return seriesPoints(remote, seriesInfo(one), question, buckets, {
      range: { start: Math.max(from, keptFrom(changes, one)), end, limit: page.room() + 1 },
      waiting: (waiting.get(one.id) ?? []).filter(({ timestamp }) => timestamp >= from),
    });
  };
  for await (const [position, points] of inOrder(series, pointsOf)) {
    page.begin(position);
    for (const { timestamp, value, count } of points) {
      if (!page.reserve(Math.max(timestamp, startOf(position)))) break;
      page.push(timestamp, value, count);
    }
    if (page.next()) break;
  }
  const next = page.next();
  return { series: page.series(), ...(next && { next }) };
}

function bucketsOf({ start, end, interval, timeZone }: SeriesQuestion): Buckets {
  if (interval === undefined)
    return {
      bucketAt: () => ({ start, end }),
      segmentFrom: (from, to) => ({ start: from, end: to, width: end - start, origin: start }),
    };
  const width = parseInterval(interval);
  return {
    bucketAt: createBuckets(width, timeZone),
    segmentFrom: createSegments(width, timeZone),
  };
}

function seriesPoints(
  remote: RemoteDatabase,
  series: ReturnType<typeof seriesInfo>,
  { aggregation }: SeriesQuestion,
  buckets: Buckets,
  { range, waiting }: { range: TimeRange & { limit: number }; waiting: readonly WaitingReading[] },
): Promise<Point[]> {
  if (!aggregation) return readingsWithWaiting(remote, series, range, waiting);
  if (waiting.length === 0)
    return remoteBuckets(remote, series, aggregation, buckets.segmentFrom, range);
  return bucketsWithWaiting(remote, series, aggregation, buckets, range, waiting);
}

/** Waiting readings of the series of a question, by series id, in time order; the last one written of each time. */
async function readWaiting(
  spool: Spool,
  { series, start, end }: SeriesQuestion,
  changes: readonly EnteredChange[],
): Promise<Map<number, WaitingReading[]>> {
  if (spool.isEmpty()) return new Map();
  const byId = new Map(series.map((one) => [one.id, one]));
  const batches = await spool.scan([...byId.keys()], start, end);
  if (!batches)
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      'too many readings of this time_range still wait to be written; ask for less, or again when nothing waits',
      { waiting: spool.level().readings, retryable: true },
    );
  const typeOf = (id: number) => byId.get(id)?.value_type;
  const found = new Map<number, Map<number, WaitingReading>>();
  for (const { entry, readings } of batches) {
    const later = changes.filter(({ id }) => id > entry);
    for (const { id, timestamp, value } of unpackReadings(readings, typeOf)) {
      const owner = byId.get(id);
      if (!owner || timestamp < keptFrom(later, owner)) continue;
      const own = found.get(id) ?? new Map<number, WaitingReading>();
      found.set(id, own);
      own.set(timestamp, { timestamp, value });
    }
  }
  return new Map(
    [...found].map(([id, readings]) => [
      id,
      [...readings.values()].sort((a, b) => a.timestamp - b.timestamp),
    ]),
  );
}

/** Runs work for several items at once, and gives the results in the order of the items. */
async function* inOrder<T, R>(
  items: readonly T[],
  work: (item: T, position: number) => Promise<R>,
): AsyncGenerator<[number, R]> {
  const running: Promise<R>[] = [];
  let begun = 0;
  for (let position = 0; position < items.length; position++) {
    for (; begun < items.length && begun < position + atOnce; begun++) {
      const result = work(items[begun] as T, begun);
      // Who no longer waits for it is not told of its failure.
      result.catch(() => undefined);
      running.push(result);
    }
    yield [position, await (running[position] as Promise<R>)];
  }
}
