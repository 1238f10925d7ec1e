import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { timeZone } from './time-zone.ts';

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const hour = 3_600_000;
const maxWidth = 30 * 86_400_000;
/** Monday 1970-01-05 as a local time, so that `7d` is the week from Monday to Sunday. */
const origin = 4 * 86_400_000;

/** One bucket in milliseconds since the epoch: start inclusive, end exclusive. */
export interface Bucket {
  start: number;
  end: number;
}

/** Finds the bucket an instant lies in; buckets cover all of time without overlap. */
export type BucketAt = (instant: number) => Bucket;

/**
 * The width of an interval such as `30s`, `15m`, `1h` or `7d`, in milliseconds (specification section 4.3).
 * @throws RpcError -32602 unless it is a whole number of s, m, h or d from 1s to 30d
 */
export function parseInterval(text: unknown): number {
  const [, amount, unit] = (typeof text === 'string' && /^(\d{1,7})([smhd])$/.exec(text)) || [];
  const width = Number(amount) * (units[unit ?? ''] ?? NaN);
  if (width >= 1_000 && width <= maxWidth) return width;
  throw new RpcError(
    ErrorCode.InvalidParams,
    'interval must be a whole number with a unit (s, m, h or d), from 1s to 30d, such as 15m, 1h or 1d',
    { field: 'interval', allowed: '<number><s|m|h|d>, 1s to 30d' },
  );
}

/**
 * Buckets of one width on the local clock of a zone.
 *
 * Up to an hour they are cut where the clock is changed: the hour that comes twice in autumn is two buckets, and
 * where a zone moves by half an hour a shorter bucket stands on each side. Longer ones follow the local clock: days
 * start at local midnight and last 23 or 25 hours when the clock changes, `6h` starts at 00, 06, 12 and 18 o'clock.
 * Several days are counted from a Monday.
 *
 * @param width milliseconds, as `parseInterval` gives
 * @param zoneName IANA name, UTC if absent
 * @throws RpcError -32602 for an unknown zone
 */
export function createBuckets(width: number, zoneName = 'UTC'): BucketAt {
  const zone = timeZone(zoneName);
  const indexOf = (instant: number): number =>
    Math.floor((instant + zone.offsetAt(instant) - origin) / width);
  const localOf = (index: number): number => index * width + origin;

  if (width <= hour)
    return (instant) => {
      const start = localOf(indexOf(instant)) - zone.offsetAt(instant);
      const end = start + width;
      return {
        start: zone.changeWithin(start, instant) ?? start,
        end: zone.changeWithin(instant, end - 1) ?? end,
      };
    };
  return (instant) => {
    let index = indexOf(instant);
    let start = zone.instantOf(localOf(index));
    let end = zone.instantOf(localOf(index + 1));
    // In an hour that comes twice, the local clock shows a time whose bucket ended in the first pass.
    while (end <= instant) {
      index += 1;
      start = end;
      end = zone.instantOf(localOf(index + 1));
    }
    return { start, end };
  };
}
