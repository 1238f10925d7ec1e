/** The middle value, or the mean of the middle two; NaN of nothing. */
export function medianOf(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[sorted.length >>> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >>> 1] ?? NaN;
  return lower / 2 + upper / 2;
}

/** Median of the distances from the median: a measure of spread that outliers do not move. */
export function spreadOf(values: readonly number[], median = medianOf(values)): number {
  return medianOf(values.map((value) => Math.abs(value - median)));
}

/** Pearson's correlation of pairs, -1 to 1; undefined for fewer than three, or where one side never changes. */
export function correlationOf(pairs: readonly (readonly [number, number])[]): number | undefined {
  const n = pairs.length;
  if (n < 3) return undefined;
  const mean = (side: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[side] / n, 0);
  const [meanA, meanB] = [mean(0), mean(1)];
  let [both, a, b] = [0, 0, 0];
  for (const [one, other] of pairs) {
    both += (one - meanA) * (other - meanB);
    a += (one - meanA) ** 2;
    b += (other - meanB) ** 2;
  }
  // What rounding leaves of a constant is no change.
  const floor = 1e-24 * n;
  if (a <= floor * meanA ** 2 || b <= floor * meanB ** 2 || a === 0 || b === 0) return undefined;
  const found = both / Math.sqrt(a * b);
  return Number.isFinite(found) ? Math.min(1, Math.max(-1, found)) : undefined;
}

/** As many digits as a reader needs: six. */
export function rounded(value: number): number {
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? value : Number(value.toPrecision(6));
}
