import { FluxError, type FluxTable, type FluxValue, type Row } from './values.ts';

/** Makes one row, or none, of the rows of a table; what stays besides its group key and value is its own business. */
export type Aggregate = (table: FluxTable, column: string) => Row | undefined;

/** A row of the table itself. */
const selector =
  (select: (values: FluxValue[]) => number): Aggregate =>
  ({ rows }, column) => {
    const there = rows.filter((row) => row.has(column));
    return there[select(there.map((row) => row.get(column)!))];
  };

/** A new row with the group key and a value. */
const aggregate =
  (compute: (values: FluxValue[]) => FluxValue): Aggregate =>
  ({ key, rows }, column) => {
    const [first] = rows;
    if (!first) return undefined;
    const row: Row = new Map(
      key.flatMap((name) => (first.has(name) ? [[name, first.get(name)!]] : [])),
    );
    return row.set(column, compute(rows.flatMap((one) => one.get(column) ?? [])));
  };

const floats = (name: string, values: readonly FluxValue[]): number[] =>
  values.map((value) => {
    if (value.type === 'double') return value.value;
    throw new FluxError(`unsupported input type for ${name} aggregate: ${value.type}`);
  });

const numeric = (name: string, compute: (numbers: number[]) => number): Aggregate =>
  aggregate((values) => ({ type: 'double', value: compute(floats(name, values)) }));

const extreme = (name: string, isBetter: (a: number, b: number) => boolean): Aggregate =>
  selector((values) => {
    const numbers = floats(name, values);
    return numbers.reduce((best, one, i) => (isBetter(one, numbers[best]!) ? i : best), 0);
  });

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** The mean of the middle two, not an estimate: an estimate would differ from other stores. */
function exactMedian(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const position = 0.5 * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
  return below === above ? below : below * 0.5 + above * 0.5;
}

function sampleDeviation(numbers: readonly number[]): number {
  const middle = mean(numbers);
  const squares = numbers.reduce((sum, one) => sum + (one - middle) ** 2, 0);
  return Math.sqrt(squares / (numbers.length - 1));
}

/** The functions by name and the arguments they take besides `column`. */
export function aggregateOf(name: string, options: ReadonlyMap<string, unknown>): Aggregate {
  const known = aggregates[name]?.(options);
  if (!known) throw new FluxError(`this server has no aggregate ${name}`);
  return known;
}

const aggregates: Record<string, (options: ReadonlyMap<string, unknown>) => Aggregate> = {
  mean: () => numeric('mean', mean),
  sum: () =>
    aggregate((values) => {
      const longs = values.flatMap((one) => (one.type === 'long' ? one.value : []));
      if (longs.length === values.length)
        return { type: 'long', value: longs.reduce((sum, one) => sum + one, 0n) };
      return { type: 'double', value: floats('sum', values).reduce((sum, one) => sum + one, 0) };
    }),
  min: () => extreme('min', (a, b) => a < b),
  max: () => extreme('max', (a, b) => a > b),
  count: () => aggregate((values) => ({ type: 'long', value: BigInt(values.length) })),
  first: () => selector(() => 0),
  last: () => selector((values) => values.length - 1),
  median(options) {
    if (options.get('method') !== 'exact_mean')
      throw new FluxError('this server estimates no medians; use method "exact_mean"');
    return numeric('median', exactMedian);
  },
  stddev(options) {
    if ((options.get('mode') ?? 'sample') !== 'sample')
      throw new FluxError('this server knows stddev of samples only');
    return numeric('stddev', sampleDeviation);
  },
};
