/**
 * What is known of many readings of one series without the readings themselves. Two of them make one that is as good
 * as if it had been made of all readings at once: a sum is carried in two numbers, of which the second holds what
 * rounding took from the first, and `squares` is about the mean, so that nothing cancels out.
 */
export interface Rollup {
  count: number;
  sum: number;
  /** What rounding took from `sum`. */
  lost: number;
  /** The sum of (value - mean)². */
  squares: number;
  least: number;
  most: number;
  /** The values with the least and the greatest timestamp. */
  first: number;
  last: number;
}

/** What a sum, a mean and a standard deviation are made of. */
export type Moments = Pick<Rollup, 'count' | 'sum' | 'lost' | 'squares'>;

/** The rollup of values in the order of their time; at least one. */
export function rollupOf(values: Float64Array): Rollup {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return {
    ...{ ...momentsOf(values), least, most },
    ...{ first: values[0] ?? 0, last: values[values.length - 1] ?? 0 },
  };
}

export function momentsOf(values: Float64Array): Moments {
  const count = values.length;
  const total = sumOf(values);
  return { count, ...total, squares: squaresAbout(values, meanOf({ count, ...total })) };
}

/** The rollup of two groups of readings, of which the second has the later ones. */
export const mergeRollups = (earlier: Rollup, later: Rollup): Rollup => ({
  ...mergeMoments(earlier, later),
  least: Math.min(earlier.least, later.least),
  most: Math.max(earlier.most, later.most),
  ...{ first: earlier.first, last: later.last },
});

export function mergeMoments(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  const apart = meanOf(b) - meanOf(a);
  const between = apart * apart * a.count * (b.count / count);
  const { sum, lost } = sumOf([a.sum, b.sum]);
  return {
    ...{ count, sum, lost: a.lost + b.lost + lost },
    squares: a.squares + b.squares + between,
  };
}

const meanOf = ({ count, sum, lost }: Omit<Moments, 'squares'>): number => (sum + lost) / count;

/** Neumaier's sum: what rounding takes is gathered beside it. */
function sumOf(values: Iterable<number>): { sum: number; lost: number } {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return { sum, lost };
}

/** The sum of (value - mean)², corrected for a mean that was rounded. */
function squaresAbout(values: Float64Array, mean: number): number {
  let squares = 0;
  let rest = 0;
  for (const value of values) {
    const delta = value - mean;
    squares += delta * delta;
    rest += delta;
  }
  return Math.max(0, squares - (rest * rest) / values.length);
}
