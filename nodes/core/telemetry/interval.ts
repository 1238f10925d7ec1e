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

function widthOf(text: unknown): number | undefined {
  const [, amount, unit] = (typeof text === 'string' && /^(\d{1,7})([smhd])$/.exec(text)) || [];
  const width = Number(amount) * (units[unit ?? ''] ?? NaN);
  return width >= 1_000 && width <= maxWidth ? width : undefined;
}

/**
 * The width of an interval such as `30s`, `15m`, `1h` or `7d`, in milliseconds (specification section 4.3).
 * @throws RpcError -32602 unless it is a whole number of s, m, h or d from 1s to 30d
 */
export function parseInterval(text: unknown): number {
  const width = widthOf(text);
  if (width !== undefined) return width;
  throw new RpcError(
    ErrorCode.InvalidParams,
    'interval must be a whole number with a unit (s, m, h or d), from 1s to 30d, such as 15m, 1h or 1d',
    { field: 'interval', ...meantInterval(text) },
  );
}

const words: Record<string, string> = {
  hourly: '1h',
  daily: '1d',
  weekly: '7d',
  monthly: '30d',
  minutely: '1m',
};
const unitWords =
  /^(?:(\d{1,7})|an?|one)?\s*(ms|s|m|h|d|w|sec|min|hour|hr|day|week|month|minute|second)s?$/;
const iso = /^p(?:t?)(\d{1,7})([smhdw])$/;
const unitOf: Record<string, readonly [number, string]> = {
  ...{ s: [1, 's'], m: [1, 'm'], h: [1, 'h'], d: [1, 'd'], w: [7, 'd'] },
  ...{ sec: [1, 's'], second: [1, 's'], min: [1, 'm'], minute: [1, 'm'], hr: [1, 'h'] },
  ...{ hour: [1, 'h'], day: [1, 'd'], week: [7, 'd'], month: [30, 'd'] },
};

/** What somebody may have meant who wrote `1 hour`, `PT15M`, `daily` or a number of seconds. */
function meantInterval(text: unknown): Record<string, unknown> {
  const said = typeof text === 'string' ? text.trim().toLowerCase() : String(text);
  const [, amount = '1', unit = ''] = unitWords.exec(said) ?? iso.exec(said) ?? [];
  const [factor, letter] = unitOf[unit] ?? [];
  const seconds = /^\d{1,7}$/.test(said) ? `${said}s` : undefined;
  const meant =
    words[said] ?? seconds ?? (factor ? `${Number(amount) * factor}${letter}` : undefined);
  return {
    expected: { type: 'string', example: '15m' },
    ...(meant !== undefined &&
      widthOf(meant) !== undefined && { nearest: meant, fix: { set: { interval: meant } } }),
  };
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
