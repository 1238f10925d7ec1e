import { finite } from '../../../core/telemetry/aggregate.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';

/** A bucket as the database answers; which columns there are is up to the aggregation. */
export interface BucketRow {
  bucket: number;
  count: number;
  value: number | null;
  /** Sum of the absolute values. */
  size: number;
  lower: number;
  upper: number;
}

/** How the readings of a bucket become a number. */
export interface Aggregate {
  /** The columns of a bucket, given how the column of numbers is to be taken. */
  columns: (number: string) => string;
  valueOf: (row: BucketRow) => number;
  /** Whether double precision was good enough; without it, it always is. */
  isExact?: (row: BucketRow) => boolean;
}

/** Relative error an answer may have; the stores agree with each other ten times better than that. */
const tolerance = 5e-10;
const roundingUnit = 2 ** -53;
/** Past this ratio of the mean to the standard deviation, the server's double precision is not good enough. */
const maxMeanToDeviation = 1e7;

const plain = (columns: string): Aggregate => ({
  columns: () => columns,
  valueOf: ({ value }) => Number(value),
});

const sums = (valueOf: (sum: number, count: number) => number): Aggregate => ({
  columns: (number) => `sum(${number}) AS value, sum(abs(${number})) AS size`,
  valueOf: ({ value, count }) => finite(valueOf(finite(Number(value)), count)),
  // What adding one by one can lose at worst.
  isExact: ({ value, count, size }) =>
    count * roundingUnit * size <= tolerance * Math.abs(Number(value)),
});

/** What PostgreSQL computes as `createAggregator` does; `first` and `last` are readings, not numbers. */
export const aggregates: Record<Exclude<Aggregation, 'first' | 'last'>, Aggregate> = {
  count: plain('count(*) AS value'),
  min: plain('min(number) AS value'),
  max: plain('max(number) AS value'),
  sum: sums((sum) => sum),
  avg: sums((sum, count) => sum / count),
  stddev: {
    columns: (number) => `stddev_samp(${number}) AS value, sum(abs(${number})) AS size`,
    valueOf: ({ value }) => finite(value ?? 0),
    isExact: ({ value, count, size }) =>
      size === 0 || count === 1 || size / count <= maxMeanToDeviation * (value ?? 0),
  },
  // Both of the middle two, because what lies between them is computed without loss here.
  median: {
    columns: () => `percentile_disc(0.5) WITHIN GROUP (ORDER BY number) AS lower,
      percentile_disc(0.5) WITHIN GROUP (ORDER BY number DESC) AS upper`,
    valueOf: ({ lower, upper }) => (lower === upper ? upper : lower / 2 + upper / 2),
  },
};
