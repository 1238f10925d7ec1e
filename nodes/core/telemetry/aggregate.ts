import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { Aggregation, SeriesInfo } from './ports.ts';
import type { ReadingValue } from './types.ts';

/** Most readings one median is taken of: it is the only aggregation that has to keep them all. */
export const maxMedianReadings = 4_000_000;

/** Gathers the readings of one bucket in time order, and starts anew after each result. */
export interface Aggregator {
  add(value: ReadingValue): void;
  /** The aggregate of what was added since the last call; at least one reading must have been. */
  take(): ReadingValue;
}

/**
 * A streaming aggregator. `avg`, `min`, `max`, `sum`, `median` and `stddev` are for numbers and booleans (which count
 * as 0 and 1); `count`, `first` and `last` take text as well, and `first` and `last` give the reading's own type.
 * `sum` and `avg` are compensated for rounding; `stddev` is that of a sample (n - 1, by Welford's method), and 0 for a
 * single reading; the median of an even count is the mean of the middle two.
 */
export function createAggregator(aggregation: Aggregation): Aggregator {
  switch (aggregation) {
    case 'count':
      return keep((count) => (typeof count === 'number' ? count + 1 : 1));
    case 'first':
      return keep((first, value) => first ?? value);
    case 'last':
      return keep((_last, value) => value);
    case 'min':
      return keep((least, value) => Math.min(Number(least ?? Infinity), Number(value)));
    case 'max':
      return keep((most, value) => Math.max(Number(most ?? -Infinity), Number(value)));
    case 'sum':
      return compensatedSum((sum) => sum);
    case 'avg':
      return compensatedSum((sum, count) => sum / count);
    case 'stddev':
      return welford();
    case 'median':
      return median();
  }
}

const textAggregations: readonly Aggregation[] = ['count', 'first', 'last'];

/** @throws RpcError -32602 if one of the series is text and the aggregation needs numbers */
export function assertAggregable(
  series: readonly SeriesInfo[],
  aggregation: Aggregation | undefined,
): void {
  if (aggregation === undefined || textAggregations.includes(aggregation)) return;
  const text = series.find(({ value_type }) => value_type === 'string');
  if (!text) return;
  const { device_id, sensor_id, measurement_type } = text;
  const numeric = [
    ...new Set(series.flatMap((one) => (one.value_type === 'string' ? [] : one.measurement_type))),
  ];
  throw new RpcError(
    ErrorCode.InvalidParams,
    `${aggregation} needs numbers, but ${measurement_type} of ${sensor_id ?? device_id} is text; ` +
      `ask for ${textAggregations.join(', ')} or raw, or name other measurement_types`,
    {
      field: 'aggregation',
      device_id,
      ...(sensor_id !== undefined && { sensor_id }),
      measurement_type,
      allowed: [...textAggregations, 'raw'],
      numeric_types: numeric.slice(0, 50),
    },
  );
}

/** JSON knows no infinity, so what is too large to compute with stays at the largest number. */
export function finite(value: number): number {
  if (Number.isNaN(value)) return Number.MAX_VALUE;
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}

export const medianTooLarge = (): RpcError =>
  new RpcError(
    ErrorCode.InvalidParams,
    `a median is taken of ${maxMedianReadings} readings at most; ask for a shorter interval or time_range`,
    { field: 'interval', max: maxMedianReadings },
  );

function keep(
  next: (kept: ReadingValue | undefined, value: ReadingValue) => ReadingValue,
): Aggregator {
  let kept: ReadingValue | undefined;
  return {
    add(value) {
      kept = next(kept, value);
    },
    take() {
      const result = kept ?? 0;
      kept = undefined;
      return result;
    },
  };
}

/** Neumaier's sum: what rounding takes from the sum is kept beside it. */
function compensatedSum(result: (sum: number, count: number) => number): Aggregator {
  let sum = 0;
  let lost = 0;
  let count = 0;
  return {
    add(reading) {
      const value = Number(reading);
      const next = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
      count += 1;
    },
    take() {
      const total = Number.isFinite(lost) ? sum + lost : sum;
      const value = finite(result(finite(total), count));
      sum = lost = count = 0;
      return value;
    },
  };
}

function welford(): Aggregator {
  let count = 0;
  let mean = 0;
  let squares = 0;
  return {
    add(reading) {
      const value = Number(reading);
      count += 1;
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    },
    take() {
      const value = count < 2 ? 0 : Math.sqrt(squares / (count - 1));
      count = mean = squares = 0;
      return finite(value);
    },
  };
}

function median(): Aggregator {
  let values = new Float64Array(64);
  let count = 0;
  return {
    add(reading) {
      if (count === maxMedianReadings) throw medianTooLarge();
      if (count === values.length) {
        const larger = new Float64Array(count * 2);
        larger.set(values);
        values = larger;
      }
      values[count++] = Number(reading);
    },
    take() {
      const sorted = values.subarray(0, count).sort();
      const upper = sorted[count >>> 1] ?? 0;
      const lower = sorted[(count - 1) >>> 1] ?? 0;
      count = 0;
      return lower === upper ? upper : lower / 2 + upper / 2;
    },
  };
}
