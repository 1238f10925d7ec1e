import { parseInterval } from '../telemetry/interval.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Intervals a span is looked at in: fine for short ones; whole hours and days for long ones, which stores keep ready. */
const steps: readonly [upTo: number, interval: string][] = [
  [30 * minute, '10s'],
  [6 * hour, '1m'],
  [2 * day, '5m'],
  [60 * day, '1h'],
  [4_000 * day, '1d'],
];

export interface Grid {
  /** As `data.query` takes it. */
  interval: string;
  /** Milliseconds. */
  width: number;
}

const many = { readings: 20_000, duration: 12 * hour };

/** Whole hours, which stores keep ready, for a span of at least half a day with very many readings in one series. */
export function gridForMany(duration: number, readings: number): Grid {
  const usual = gridFor(duration);
  return readings > many.readings && duration >= many.duration && usual.width < hour
    ? { interval: '1h', width: hour }
    : usual;
}

/** The intervals in which a span of so many milliseconds is looked at; at most 4,000 unless the span is very long. */
export function gridFor(duration: number): Grid {
  const [, interval] = steps.find(([upTo]) => duration <= upTo) ?? [0, '30d'];
  return { interval, width: parseInterval(interval) };
}
