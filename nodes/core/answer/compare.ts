import { isObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { timeZone } from '../telemetry/time-zone.ts';
import { readTimeRange } from '../time-words/read-time.ts';
import { evidenceQuery, type EvidenceQuery } from './evidence.ts';
import { numberRows, type SeriesPast } from './series.ts';
import { correlationOf, rounded } from './statistics.ts';

/** With what something is to be compared: another span of time, or other devices in the same one. */
export type CompareWith =
  | { kind: 'time'; start: number; end: number; said: string }
  | { kind: 'devices'; devices: string[] };

/** One comparison of a series; deltas are what it has more than the other. */
export interface Compared {
  with: { start: string; end: string; device_id?: string; sensor_id?: string };
  value?: number;
  count: number;
  delta?: number;
  /** Of the other's value; absent where that is 0. */
  percent?: number;
  /** Pearson's, of intervals that both have. */
  correlation?: number;
  /** How many intervals both have. */
  n: number;
  query: EvidenceQuery;
}

const day = 86_400_000;
const mostDevices = 5;
const shifts: Readonly<Record<string, number>> = {
  yesterday: day,
  'day before': day,
  'week before': 7 * day,
};

/**
 * Reads `compare`: `previous` (the span as long that ends where this one begins), `yesterday` or `week before` (the same
 * span a day or a week earlier by the local clock), another span of time, or ids or names of devices.
 * @throws RpcError -32602
 */
export function readCompare(
  value: unknown,
  range: { start: number; end: number },
  options: { now: number; zone: string },
): CompareWith | undefined {
  if (value === undefined || value === null) return undefined;
  const meant = isObject(value) && 'with' in value ? value['with'] : value;
  const field = 'compare';
  const list = isObject(meant) && 'devices' in meant ? meant['devices'] : meant;
  if (Array.isArray(list)) {
    const devices = list.filter((one): one is string => typeof one === 'string' && one !== '');
    if (devices.length === list.length && list.length >= 1 && list.length <= mostDevices)
      return { kind: 'devices', devices };
    throw invalidParam(field, `${field} takes 1 to ${mostDevices} devices`, { max: mostDevices });
  }
  if (typeof meant === 'string') {
    const word = meant.trim().toLowerCase().replaceAll('_', ' ');
    const shift = Object.hasOwn(shifts, word) ? shifts[word] : undefined;
    if (/^previous(?: period)?$/.test(word) || shift !== undefined)
      return { kind: 'time', ...shifted(range, options.zone, shift), said: word };
  }
  const span = readTimeRange(meant, { ...options, field });
  return { kind: 'time', start: span.start, end: span.end, said: span.understood.said ?? 'a span' };
}

/** By the local clock, so that a day that is compared with the one before is a day, of 23, 24 or 25 hours. */
function shifted(
  range: { start: number; end: number },
  zoneName: string,
  shift: number | undefined,
): { start: number; end: number } {
  const zone = timeZone(zoneName);
  const [start, end] = [range.start, range.end].map((at) => at + zone.offsetAt(at)) as [
    number,
    number,
  ];
  const by = shift ?? end - start;
  return {
    start: zone.instantOf(start - by),
    end: shift === undefined ? range.start : zone.instantOf(end - by),
  };
}

/** Compares what one series did with what it did in another span, or with what another one did. */
export function compareSeries(
  one: { past: SeriesPast; start: number },
  other: { past: SeriesPast; start: number; end: number },
  options: { width: number; zone: string },
): Compared {
  const { past } = other;
  const pairs = aligned(one, other, options);
  const value = typeof past.value === 'number' ? past.value : undefined;
  const own = typeof one.past.value === 'number' ? one.past.value : undefined;
  const correlation = correlationOf(pairs);
  const delta = value !== undefined && own !== undefined ? own - value : undefined;
  const { device_id, sensor_id } = past.info;
  return {
    with: {
      start: new Date(other.start).toISOString(),
      end: new Date(other.end).toISOString(),
      ...(past.info !== one.past.info && {
        device_id,
        ...(sensor_id !== undefined && { sensor_id }),
      }),
    },
    ...(value !== undefined && { value }),
    count: past.count,
    ...(delta !== undefined && { delta: rounded(delta) }),
    ...(delta !== undefined &&
      value !== undefined &&
      value !== 0 && { percent: rounded((delta / Math.abs(value)) * 100) }),
    ...(correlation !== undefined && { correlation: rounded(correlation) }),
    n: pairs.length,
    query: evidenceQuery(past.info, past.aggregation, other),
  };
}

/** Intervals at the same distance from the start of their span by the local clock. */
function aligned(
  one: { past: SeriesPast; start: number },
  other: { past: SeriesPast; start: number },
  { width, zone: zoneName }: { width: number; zone: string },
): [number, number][] {
  const zone = timeZone(zoneName);
  const placeIn = (start: number): ((at: number) => number) => {
    const from = start + zone.offsetAt(start);
    return (at) => Math.round((at + zone.offsetAt(at) - from) / width);
  };
  const place = placeIn(one.start);
  const otherPlace = placeIn(other.start);
  const values = new Map(
    numberRows(other.past.rows).map(({ at, value }) => [otherPlace(at), value]),
  );
  return numberRows(one.past.rows).flatMap(({ at, value }): [number, number][] => {
    const beside = values.get(place(at));
    return beside === undefined ? [] : [[value, beside]];
  });
}
