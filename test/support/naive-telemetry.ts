import assert from 'node:assert/strict';
import type { Aggregation } from '../../nodes/core/telemetry/ports.ts';
import type { ReadingValue } from '../../nodes/core/telemetry/types.ts';

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** An aggregate by its plain formula, over all values at once. */
export function aggregateNaively(
  aggregation: Aggregation,
  values: readonly ReadingValue[],
): ReadingValue {
  const numbers = values.map(Number);
  const mean = sum(numbers) / numbers.length;
  const sorted = numbers.toSorted((a, b) => a - b);
  switch (aggregation) {
    case 'avg':
      return mean;
    case 'min':
      return sorted[0]!;
    case 'max':
      return sorted.at(-1)!;
    case 'sum':
      return sum(numbers);
    case 'count':
      return values.length;
    case 'first':
      return values[0]!;
    case 'last':
      return values.at(-1)!;
    case 'median':
      return (
        (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.floor(sorted.length / 2)]!) / 2
      );
    case 'stddev': {
      if (numbers.length === 1) return 0;
      return Math.sqrt(sum(numbers.map((x) => (x - mean) ** 2)) / (numbers.length - 1));
    }
  }
}

/** Equal but for rounding. */
export function assertClose(actual: ReadingValue, expected: ReadingValue, message?: string): void {
  if (typeof expected !== 'number' || typeof actual !== 'number') {
    assert.equal(actual, expected, message);
    return;
  }
  const allowed = 1e-6 + Math.abs(expected) * 1e-9;
  assert.ok(
    Math.abs(actual - expected) <= allowed,
    message ?? `${actual} is not close to ${expected}`,
  );
}
