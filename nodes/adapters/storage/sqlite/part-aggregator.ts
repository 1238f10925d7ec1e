import {
  createAggregator,
  finite,
  maxMedianReadings,
  medianTooLarge,
} from '../../../core/telemetry/aggregate.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';
import type { ReadingValue } from '../../../core/telemetry/types.ts';
import { mergeMoments, momentsOf, type Moments } from './rollup.ts';
import type { RollupPart } from './rollup-reader.ts';
import { groupValues, medianOf, type SortedValues } from './sorted-values.ts';

/** Gathers one bucket from readings and rollups in the order of time, and starts anew after each result. */
export interface PartAggregator {
  add(value: ReadingValue): void;
  addPart(part: RollupPart): void;
  /** The aggregate of what was added since the last call: so many readings, at least one. */
  take(count: number): ReadingValue;
}

/** Numbers held back until there are enough of them to be worth a pass. */
const passLength = 4_096;

export function createPartAggregator(aggregation: Aggregation): PartAggregator {
  switch (aggregation) {
    case 'median':
      return median();
    case 'stddev':
      return deviation();
    case 'avg': {
      const sum = createPartAggregator('sum');
      return { ...sum, take: (count) => Number(sum.take(count)) / count };
    }
    case 'count':
      return { add: nothing, addPart: nothing, take: (count) => count };
    case 'sum':
      return fromParts('sum', ({ sum, lost }) => [sum, lost]);
    case 'min':
      return fromParts('min', ({ least }) => [least]);
    case 'max':
      return fromParts('max', ({ most }) => [most]);
    case 'first':
      return fromParts('first', ({ first }) => [first]);
    case 'last':
      return fromParts('last', ({ last }) => [last]);
  }
}

const nothing = (): void => {
  // The number of readings is known without them.
};

/** Aggregates for which one or two values can stand for all those of a part. */
function fromParts(
  aggregation: Aggregation,
  valuesOf: (part: RollupPart) => ReadingValue[],
): PartAggregator {
  const aggregator = createAggregator(aggregation);
  return {
    add: (value) => aggregator.add(value),
    addPart(part) {
      for (const value of valuesOf(part)) aggregator.add(value);
    },
    take: () => aggregator.take(),
  };
}

function deviation(): PartAggregator {
  const held = new Float64Array(passLength);
  let length = 0;
  let moments: Moments | undefined;
  const merge = (more: Moments): void => {
    moments = moments ? mergeMoments(moments, more) : more;
  };
  const pass = (): void => {
    if (length > 0) merge(momentsOf(held.subarray(0, length)));
    length = 0;
  };

  return {
    add(value) {
      held[length++] = Number(value);
      if (length === passLength) pass();
    },
    addPart(part) {
      pass();
      merge(part);
    },
    take() {
      pass();
      const { count, squares } = moments ?? { count: 0, squares: 0 };
      moments = undefined;
      return count < 2 ? 0 : finite(Math.sqrt(squares / (count - 1)));
    },
  };
}

function median(): PartAggregator {
  let groups: SortedValues[] = [];
  let read: number[] = [];
  let held = 0;
  let known: number | undefined;
  const hold = (count: number): void => {
    held += count;
    if (held > maxMedianReadings) throw medianTooLarge();
  };

  return {
    add(value) {
      hold(1);
      read.push(Number(value));
    },
    addPart({ middle, sorted }) {
      known = middle;
      if (!sorted) return;
      hold(sorted.values.length);
      groups.push(sorted);
    },
    take() {
      const own = Float64Array.from(read).sort();
      const result = known ?? medianOf([...groups, groupValues(own)]);
      groups = [];
      read = [];
      held = 0;
      known = undefined;
      return result;
    },
  };
}
