import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { nearest } from '../rpc/suggest.ts';

const day = 86_400_000;
/** No zone keeps a clock change for less than a week, so one look per week finds them all. */
const span = 7 * day;
const earliest = Date.UTC(1000, 0, 1);
const latest = Date.UTC(9998, 0, 1);
/** About 190 years of weeks. */
const maxSpans = 10_000;

/** A time zone's clock. Local times are milliseconds as if the local clock showed UTC. */
export interface TimeZone {
  /** Local time minus UTC at an instant, in milliseconds. */
  offsetAt(instant: number): number;
  /** The first instant in (from, to] that has another offset than the one before it. */
  changeWithin(from: number, to: number): number | undefined;
  /** The first instant at which the local clock shows this time or a later one. */
  instantOf(local: number): number;
}

const utc: TimeZone = {
  offsetAt: () => 0,
  changeWithin: () => undefined,
  instantOf: (local) => local,
};

const zones = new Map<string, TimeZone>([['utc', utc]]);

/**
 * The clock of an IANA zone such as `Europe/Brussels`, or of UTC.
 * @throws RpcError -32602 for a name nobody knows
 */
export function timeZone(name: string): TimeZone {
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known) return known;
  const zone = createZone(name);
  zones.set(key, zone);
  return zone;
}

function createZone(name: string): TimeZone {
  const format = formatOf(name);
  const spans = new Map<number, { before: number; after: number; change: number }>();

  const compute = (instant: number): number => {
    const whole = Math.floor(Math.min(latest, Math.max(earliest, instant)) / 1000) * 1000;
    const fields: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(whole)) fields[type] = Number(value);
    const { year = 0, month = 0, day: date = 0, hour = 0, minute = 0, second = 0 } = fields;
    return Date.UTC(year, month - 1, date, hour, minute, second) - whole;
  };
  const search = (from: number, to: number): number => {
    const before = compute(from);
    let low = from;
    let high = to;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (compute(middle) === before) low = middle;
      else high = middle;
    }
    return high;
  };
  const spanOf = (instant: number) => {
    const index = Math.floor(instant / span);
    let found = spans.get(index);
    if (!found) {
      const [from, to] = [index * span, (index + 1) * span];
      const [before, after] = [compute(from), compute(to)];
      found = { before, after, change: before === after ? Infinity : search(from, to) };
      if (spans.size >= maxSpans) spans.clear();
      spans.set(index, found);
    }
    return found;
  };
  const offsetAt = (instant: number): number => {
    const { before, after, change } = spanOf(instant);
    return instant < change ? before : after;
  };
  const changeWithin = (from: number, to: number): number | undefined => {
    for (let index = Math.floor(from / span); index * span <= to; index++) {
      const { change } = spanOf(index * span);
      if (change > from && change <= to) return change;
    }
    return undefined;
  };

  return {
    offsetAt,
    changeWithin,
    instantOf(local) {
      const byBefore = local - offsetAt(local - day);
      const change = changeWithin(local - day, local + day);
      if (change === undefined || byBefore < change) return byBefore;
      return Math.max(change, local - offsetAt(change));
    },
  };
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    const meant = nearest(name, Intl.supportedValuesOf('timeZone'));
    throw new RpcError(
      ErrorCode.InvalidParams,
      `time_zone must be UTC or an IANA name such as Europe/Brussels; ${JSON.stringify(name.slice(0, 64))} is none`,
      {
        field: 'time_zone',
        expected: { type: 'string', example: 'Europe/Brussels' },
        ...(meant !== undefined && { nearest: meant, fix: { set: { time_zone: meant } } }),
      },
    );
  }
}
