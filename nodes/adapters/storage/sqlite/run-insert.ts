import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { SortedRun } from './sorted-run.ts';

/** Readings of one statement; more take no less time each. */
const rowsAtOnce = 20;
const columns = 5;

/** Puts a part of a run into `readings`; gives how many of its readings are new. */
export type InsertRun = (run: SortedRun, from: number, to: number) => number;

export function createRunInsert(db: DatabaseSync): InsertRun {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  const add = (rows: number) =>
    db.prepare(`INSERT OR IGNORE INTO readings VALUES ${Array(rows).fill(row).join(', ')}`);
  const [addOne, addMany] = [add(1), add(rowsAtOnce)];
  const overwrite = db.prepare(`INSERT OR REPLACE INTO readings VALUES ${row}`);
  const [one, many] = [fieldsFor(1), fieldsFor(rowsAtOnce)];

  return (run, from, to) => {
    let added = 0;
    for (let at = from; at < to;) {
      const rows = at + rowsAtOnce <= to ? rowsAtOnce : 1;
      const [statement, fields] = rows === 1 ? [addOne, one] : [addMany, many];
      for (let i = 0; i < rows; i++) fill(fields, i, run, at + i);
      const changes = Number(statement.run(...fields).changes);
      added += changes;
      // Readings that repeat a series and time are rare, so only they cost more statements.
      for (let i = 0; changes < rows && i < rows; i++) {
        fill(one, 0, run, at + i);
        overwrite.run(...one);
      }
      at += rows;
    }
    return added;
  };
}

const fieldsFor = (rows: number): SQLInputValue[] =>
  Array<SQLInputValue>(columns * rows).fill(null);

function fill(fields: SQLInputValue[], row: number, run: SortedRun, at: number): void {
  const { series, timestamp, number, quality, text } = run;
  const value = number[at] ?? 0;
  const first = row * columns;
  fields[first] = series[at] ?? 0;
  fields[first + 1] = timestamp[at] ?? 0;
  fields[first + 2] = Number.isNaN(value) ? null : value;
  fields[first + 3] = text.get(at) ?? null;
  fields[first + 4] = quality[at] ?? 0;
}
