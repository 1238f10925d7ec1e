import { DatabaseSync } from 'node:sqlite';
import { DamagedDatabase } from '../open-database.ts';

/** Rows gone through at once. */
const rowsAtOnce = 20_000;
/** Tables with their keys: all that grow large. */
const tables = [
  ['readings', 'series, timestamp'],
  ['hourly', 'series, slot'],
  ['hourly_values', 'series, slot'],
  ['daily', 'series, slot'],
] as const;

/** Goes through all rows of the large tables, in parts, so that nothing is held up. */
export interface FileCheck {
  /** @returns false when all has been gone through. @throws an error that says so when the file is damaged */
  step(): boolean;
  close(): void;
}

export function beginCheck(file: string): FileCheck {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('PRAGMA busy_timeout = 2000');
  const parts = checkParts(db, file);
  return {
    step: () => !parts.next().done,
    close: () => db.close(),
  };
}

/** Two integers, which are compared one after the other. */
type Key = [number, number];

function* checkParts(db: DatabaseSync, file: string): Generator<void> {
  for (const [table, key] of tables) {
    const next = db.prepare(
      `SELECT ${key} FROM ${table} WHERE (${key}) > (?, ?) ORDER BY ${key} LIMIT ${rowsAtOnce}`,
    );
    next.setReturnArrays(true);
    let last: Key | undefined = [-1, 0];
    while (last) {
      yield;
      last = lastInOrder(next.iterate(...last) as Iterable<unknown> as Iterable<Key>, last, () => {
        throw new DamagedDatabase(`${file} is damaged: rows of ${table} are not in their order`);
      });
    }
  }
}

/** SQLite takes it for granted that rows are in the order of their keys, and does not find those that are not. */
function lastInOrder(keys: Iterable<Key>, before: Key, onDisorder: () => never): Key | undefined {
  let last: Key | undefined;
  let [major, minor] = before;
  for (const key of keys) {
    if (key[0] < major || (key[0] === major && key[1] <= minor)) onDisorder();
    [major, minor] = last = key;
  }
  return last;
}
