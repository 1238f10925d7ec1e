import { createBuckets } from './interval.ts';
import type { Segment } from './remote.ts';
import { timeZone } from './time-zone.ts';

/** How far ahead clock changes are looked for at once; a longer stretch without any is more than one segment. */
const lookAhead = 20 * 366 * 86_400_000;

/** The part of [start, end) that begins at `start` and has buckets of one width; times in milliseconds, start < end. */
export type SegmentFrom = (start: number, end: number) => Segment;

/**
 * The buckets of `createBuckets` as few segments, for databases that know buckets of one width only. Buckets that a
 * clock change makes longer or shorter are a segment each.
 * @param width milliseconds, as `parseInterval` gives
 * @param zoneName IANA name, UTC if absent
 * @throws RpcError -32602 for an unknown zone
 */
export function createSegments(width: number, zoneName?: string): SegmentFrom {
  const zone = timeZone(zoneName ?? 'UTC');
  const bucketAt = createBuckets(width, zoneName);

  return (start, end) => {
    const { start: origin, end: firstEnd } = bucketAt(start);
    const change = zone.changeWithin(origin, Math.max(firstEnd, Math.min(end, origin + lookAhead)));
    const isCut = change !== undefined && change < firstEnd;
    if (firstEnd - origin !== width || isCut)
      return { start, end: Math.min(firstEnd, end), width: firstEnd - origin, origin };
    const regular = Math.min(change ?? Infinity, origin + lookAhead);
    let last = origin + Math.floor((regular - origin) / width) * width;
    // Where the clock is set back, a bucket that seems to end at the change goes on after it.
    if (last === change && bucketAt(change).start !== change) last -= width;
    return { start, end: Math.min(last, end), width, origin };
  };
}
