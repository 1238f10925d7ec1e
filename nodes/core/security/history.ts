/** Values are kept as eighths of an octave in one byte each: what matters is how many times as much, not how much. */
const steps = 8;
const toLevel = (value: number): number => Math.min(255, Math.round(Math.log2(1 + value) * steps));
const toValue = (level: number): number => 2 ** (level / steps) - 1;

/** A value this many times the usual is never unusual, however steady the past was (octaves). */
const leastOctaves = 2;
/** Standard deviations, estimated from the median absolute deviation (1.4826 for normal noise). */
const deviations = 6;
const madToSigma = 1.4826;

/** The last values of something that is counted, in a fixed number of bytes. */
export interface History {
  add(value: number): void;
  size(): number;
  /** What a value must exceed to be unusual, beside the median; undefined while there are fewer values than `least`. */
  limit(least: number): { median: number; limit: number } | undefined;
  /** For keeping: one byte a value, the oldest first. */
  bytes(): number[];
}

/** @param kept how many values are remembered */
export function createHistory(kept: number, earlier: readonly number[] = []): History {
  const levels = new Uint8Array(kept);
  const start = earlier.slice(-kept).map((level) => Math.max(0, Math.min(255, Math.trunc(level))));
  levels.set(start);
  let size = start.length;
  let next = size % kept;

  return {
    add(value) {
      levels[next] = toLevel(value);
      next = (next + 1) % kept;
      size = Math.min(kept, size + 1);
    },
    size: () => size,
    limit(least) {
      if (size < least) return undefined;
      const sorted = levels.slice(0, size).sort();
      const median = middle(sorted);
      const spread = middle(sorted.map((level) => Math.abs(level - median)).sort());
      const usual = Math.max(
        median + deviations * madToSigma * spread,
        sorted[Math.floor(0.95 * (size - 1))] ?? median,
      );
      return { median: toValue(median), limit: toValue(usual + leastOctaves * steps) };
    },
    bytes: () =>
      size < kept
        ? [...levels.subarray(0, size)]
        : [...levels.subarray(next), ...levels.subarray(0, next)],
  };
}

const middle = (sorted: Uint8Array): number => sorted[sorted.length >> 1] ?? 0;
