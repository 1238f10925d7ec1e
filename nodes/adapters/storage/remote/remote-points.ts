import { finite } from '../../../core/telemetry/aggregate.ts';
import type { Aggregation, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { SegmentFrom } from '../../../core/telemetry/segments.ts';

/** Part of a series in time: milliseconds since the epoch, end exclusive. */
export interface TimeRange {
  start: number;
  end: number;
}

/** The first `limit` buckets of a series that hold readings, aggregated by the database. */
export async function remoteBuckets(
  remote: RemoteDatabase,
  series: SeriesInfo,
  aggregation: Aggregation,
  segmentFrom: SegmentFrom,
  { start, end, limit }: TimeRange & { limit: number },
): Promise<Point[]> {
  const points: Point[] = [];
  for (let from = start; from < end && points.length < limit;) {
    const segment = segmentFrom(from, end);
    const left = limit - points.length;
    const found = await remote.aggregate(series, aggregation, { ...segment, limit: left });
    for (const { value, ...rest } of found)
      points.push({ ...rest, value: typeof value === 'number' ? finite(value) : value });
    from = segment.end;
    if (found.length > 0 || from >= end) continue;
    // Nothing here: the next segments may hold nothing either, for a thousand years.
    const [next] = await remote.readings(series, { start: from, end, limit: 1 });
    if (!next) break;
    from = next.timestamp;
  }
  return points;
}
