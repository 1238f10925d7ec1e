import type { Aggregation, SeriesKey, StoreQuery } from '../../nodes/core/telemetry/ports.ts';
import type { Reading, ReadingValue } from '../../nodes/core/telemetry/types.ts';

/** The readings of one point of an answer, in the order of time. */
export interface NaivePoint {
  timestamp: number;
  values: ReadingValue[];
}

export type NaiveSeries = SeriesKey & { points: NaivePoint[] };

/** Readings a store must take: a series keeps the value type it began with. */
export function acceptNaively(readings: readonly Reading[]): Reading[] {
  const types = new Map<string, string>();
  return readings.filter((reading) => {
    const name = nameOf(reading);
    const type = types.get(name) ?? typeof reading.value;
    types.set(name, type);
    return type === typeof reading.value;
  });
}

/**
 * What the whole answer to a question about one device is made of, by looking at every reading. Clocks may be changed
 * on the full or half hour of UTC only; intervals are those of `clockLabel`.
 */
export function answerNaively(readings: readonly Reading[], query: StoreQuery): NaiveSeries[] {
  const { start, end, measurement_types, aggregation } = query;
  const asked = acceptNaively(readings).filter(
    ({ measurement_type: type }) => measurement_types?.includes(type) ?? true,
  );
  const names = [...new Set(asked.map(nameOf))].sort();
  const series = names.map((name) => {
    const own = asked.filter((reading) => nameOf(reading) === name);
    const inRange = own.filter(({ timestamp }) => timestamp >= start && timestamp < end);
    const last = new Map(inRange.map(({ timestamp, value }) => [timestamp, value]));
    const points: NaivePoint[] = [];
    for (const [timestamp, value] of [...last].sort(([a], [b]) => a - b)) {
      const bucket = aggregation ? bucketOf(timestamp, query) : timestamp;
      const current = points.at(-1);
      if (aggregation && current?.timestamp === bucket) current.values.push(value);
      else points.push({ timestamp: bucket, values: [value] });
    }
    const { device_id, sensor_id, measurement_type } = own[0]!;
    return { device_id, ...(sensor_id && { sensor_id }), measurement_type, points };
  });
  return series.filter(({ points }) => points.length > 0);
}

/** Whether the question asks for a number that the texts of these readings do not have. */
export function isSenseless(readings: readonly Reading[], query: StoreQuery): boolean {
  const ofText: (Aggregation | undefined)[] = [undefined, 'count', 'first', 'last'];
  return (
    !ofText.includes(query.aggregation) &&
    acceptNaively(readings).some(
      ({ measurement_type: type, value }) =>
        typeof value === 'string' && (query.measurement_types?.includes(type) ?? true),
    )
  );
}

const nameOf = ({ sensor_id, measurement_type }: Reading): string =>
  `${sensor_id ?? ''}\n${measurement_type}`;

const minute = 60_000;

function bucketOf(instant: number, { start, interval, time_zone: zone = 'UTC' }: StoreQuery) {
  if (interval === undefined) return start;
  // Within such a step no clock is changed, and no bucket begins.
  const step = { '30s': minute / 2, '15m': 15 * minute }[interval] ?? 30 * minute;
  let first = Math.floor(instant / step) * step;
  const label = clockLabel(first, interval, zone);
  while (clockLabel(first - step, interval, zone) === label) first -= step;
  return first;
}

const labels = new Map<string, string>();

/** The interval of the local clock an instant is in: what a person would write on a chart. */
function clockLabel(instant: number, interval: string, zone: string): string {
  const key = `${instant} ${interval} ${zone}`;
  let label = labels.get(key);
  if (label === undefined) labels.set(key, (label = readClock(instant, interval, zone)));
  return label;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function readClock(instant: number, interval: string, zone: string): string {
  let format = formats.get(zone);
  if (!format) {
    const style = { dateStyle: 'short', timeStyle: 'medium', timeZone: zone } as const;
    formats.set(zone, (format = new Intl.DateTimeFormat('sv-SE', style)));
  }
  const [date = '', clock = ''] = format.format(instant).split(' ');
  const [hour = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number);
  // The hour that comes twice is two: they are told apart by what the clock is ahead of UTC.
  const ahead = Date.parse(`${date}T${clock}Z`) - instant;
  switch (interval) {
    case '30s':
      return `${ahead} ${date} ${hour}:${minutes}:${seconds < 30 ? 0 : 30}`;
    case '15m':
      return `${ahead} ${date} ${hour}:${Math.floor(minutes / 15)}`;
    case '1h':
      return `${ahead} ${date} ${hour}`;
    case '2h':
    case '3h':
    case '6h':
      return `${date} ${Math.floor(hour / Number.parseInt(interval))}`;
    case '1d':
      return date;
    case '7d': {
      const day = new Date(`${date}T00:00:00Z`);
      day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
      return day.toISOString();
    }
  }
  throw new Error(`nobody taught this clock ${interval}`);
}
