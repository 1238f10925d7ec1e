import type { Aggregate } from './aggregates.ts';
import {
  FluxError,
  identity,
  type ColumnType,
  type FluxTable,
  type FluxValue,
  type Row,
} from './values.ts';

const minimum = <T extends bigint>(a: T, b: T): T => (a < b ? a : b);
const maximum = <T extends bigint>(a: T, b: T): T => (a > b ? a : b);

/** Puts rows into tables by the values of a group key. @throws FluxError if a column would have two types */
export function groupRows(
  rows: Iterable<Row>,
  keyOf: (row: Row) => readonly string[],
): FluxTable[] {
  const tables = new Map<string, FluxTable>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = JSON.stringify(key.map((name) => [name, identity(row.get(name))]));
    let table = tables.get(group);
    if (!table) tables.set(group, (table = { key, columns: new Map(), rows: [] }));
    for (const [name, value] of row) addColumn(table, name, value);
    table.rows.push(row);
  }
  return [...tables.values()];
}

function addColumn({ columns }: FluxTable, name: string, { type }: FluxValue): void {
  const known = columns.get(name);
  if (known !== undefined && known !== type)
    throw new FluxError(
      `schema collision detected: column "${name}" is both of type ${known} and ${type}`,
    );
  columns.set(name, type as ColumnType);
}

/** The same tables with fewer rows. */
export const selectRows = (
  tables: readonly FluxTable[],
  select: (rows: Row[]) => Row[],
): FluxTable[] => tables.map((table) => ({ ...table, rows: select(table.rows) }));

export function keep(tables: readonly FluxTable[], names: readonly string[]): FluxTable[] {
  const keys = new Map<Row, readonly string[]>();
  const rows = tables.flatMap((table) =>
    table.rows.map((row) => {
      const kept: Row = new Map([...row].filter(([name]) => names.includes(name)));
      keys.set(
        kept,
        table.key.filter((name) => names.includes(name)),
      );
      return kept;
    }),
  );
  return groupRows(rows, (row) => keys.get(row)!);
}

export function sort(tables: readonly FluxTable[], names: readonly string[]): FluxTable[] {
  return selectRows(tables, (rows) =>
    rows.toSorted((a, b) => {
      for (const name of names) {
        const order = compare(a.get(name), b.get(name));
        if (order !== 0) return order;
      }
      return 0;
    }),
  );
}

function compare(a: FluxValue | undefined, b: FluxValue | undefined): number {
  if (!a || !b) return Number(b === undefined) - Number(a === undefined);
  return a.value < b.value ? -1 : Number(a.value > b.value);
}

export function aggregateTables(
  tables: readonly FluxTable[],
  compute: Aggregate,
  column: string,
): FluxTable[] {
  return tables.flatMap((table) => {
    const row = compute(table, column);
    return row ? groupRows([row], () => table.key) : [];
  });
}

export interface WindowOptions {
  every: bigint;
  offset: bigint;
  timeSource: string;
  fn: (tables: FluxTable[]) => FluxTable[];
}

/**
 * `aggregateWindow` without empty windows. Like the real one it clips windows to the range, and promises nothing about
 * the order of its rows; so it gives them in the wrong one.
 */
export function aggregateWindow(tables: readonly FluxTable[], options: WindowOptions): FluxTable[] {
  return tables.flatMap((table) => {
    const rows = windows(table, options).flatMap((window) =>
      options
        .fn([window])
        .flatMap((result) => result.rows.map((row) => backInRange(row, table, options))),
    );
    return groupRows(rows.reverse(), () => table.key);
  });
}

function windows(table: FluxTable, { every, offset }: WindowOptions): FluxTable[] {
  const rows = table.rows.map((row) => {
    const time = timeOf(row, '_time');
    const past = (((time - offset) % every) + every) % every;
    const start = maximum(time - past, timeOf(row, '_start'));
    const stop = minimum(time - past + every, timeOf(row, '_stop'));
    return new Map(row).set('_start', asTime(start)).set('_stop', asTime(stop));
  });
  return groupRows(rows, () => table.key);
}

function backInRange(row: Row, { rows: [first] }: FluxTable, { timeSource }: WindowOptions): Row {
  return new Map(row)
    .set('_time', asTime(timeOf(row, timeSource)))
    .set('_start', first!.get('_start')!)
    .set('_stop', first!.get('_stop')!);
}

const asTime = (value: bigint): FluxValue => ({ type: 'time', value });

function timeOf(row: Row, name: string): bigint {
  const value = row.get(name);
  if (value?.type !== 'time') throw new FluxError(`column "${name}" is not a time`);
  return value.value;
}
