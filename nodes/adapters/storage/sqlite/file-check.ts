import { DatabaseSync } from 'node:sqlite';

/** Rows gone through at once. */
const rowsAtOnce = 20_000;
/** Tables with their keys: all that grow large. */
const tables = [
  ['readings', 'series, timestamp'],
  ['hourly', 'series, slot'],
  ['hourly_values', 'series, slot'],
  ['daily', 'series, slot'],
] as const;

/** Goes through all pages of the large tables, in parts, so that nothing is held up. */
export interface FileCheck {
  /** @returns false when all has been gone through. @throws an error of SQLite when the file is damaged */
  step(): boolean;
  close(): void;
}

export function beginCheck(file: string): FileCheck {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('PRAGMA busy_timeout = 2000');
  const parts = checkParts(db);
  return {
    step: () => !parts.next().done,
    close: () => db.close(),
  };
}

function* checkParts(db: DatabaseSync): Generator<void> {
  for (const [table, key] of tables) {
    const next = db.prepare(
      `SELECT ${key} FROM ${table} WHERE (${key}) > (?, ?) ORDER BY ${key} LIMIT 1 OFFSET ${rowsAtOnce}`,
    );
    let position: number[] = [-1, 0];
    while (position.length > 0) {
      yield;
      position = Object.values(next.get(...(position as [number, number])) ?? {}).map(Number);
    }
  }
}
