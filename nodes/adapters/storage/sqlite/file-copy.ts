import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { layOut } from '../open-database.ts';
import { telemetryFile } from './sqlite-schema.ts';

/** A copy of a telemetry file that is being made. */
export interface FileCopy {
  /** Copies the next part; false when the copy is there, on disk. */
  step(): boolean;
  /** Leaves nothing of the copy. */
  abandon(): void;
}

/** Tables with their keys, and how many rows are copied at once. */
const tables = [
  { name: 'series', key: 'id', rows: 20_000 },
  { name: 'counters', key: 'rowid', rows: 1 },
  { name: 'removed', key: 'series', rows: 20_000 },
  { name: 'stale', key: 'series, hour', rows: 20_000 },
  { name: 'hot', key: 'number', rows: 200 },
  { name: 'readings', key: 'series, timestamp', rows: 20_000 },
  { name: 'hourly', key: 'series, slot', rows: 10_000 },
  { name: 'hourly_values', key: 'series, slot', rows: 500 },
  { name: 'daily', key: 'series, slot', rows: 10_000 },
];

/**
 * Begins a copy of the file as it is at this moment, whatever is written later. It is made in parts, unlike SQLite's
 * own way (VACUUM INTO), so that a hub that stops need not wait for it; and it gets its name when it is whole.
 * @throws Error when there is a file of that name already, or no place for one
 */
export function beginCopy(file: string, copy: string): FileCopy {
  claim(copy);
  const part = `${copy}.part`;
  let db: DatabaseSync | undefined;
  const abandon = (): void => {
    db?.close();
    db = undefined;
    for (const path of [part, copy]) rmSync(path, { force: true });
  };
  try {
    rmSync(part, { force: true });
    db = new DatabaseSync(part);
    // Whatever goes wrong, nothing is left of it; so it needs no journal.
    db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    layOut(db, telemetryFile);
    db.exec('DELETE FROM counters');
    db.prepare('ATTACH ? AS source').run(file);
    db.exec('PRAGMA source.busy_timeout = 2000; BEGIN; SELECT * FROM source.counters');
    const parts = copyParts(db);
    const opened = db;
    return {
      step() {
        if (!parts.next().done) return true;
        opened.exec('COMMIT');
        opened.close();
        db = undefined;
        publish(part, copy);
        return false;
      },
      abandon,
    };
  } catch (error) {
    abandon();
    throw error;
  }
}

function* copyParts(db: DatabaseSync): Generator<void> {
  for (const { name, key, rows } of tables) {
    const marks = key.replaceAll(/\w+/g, '?');
    const insert = (where: string) =>
      db.prepare(
        `INSERT INTO main.${name} SELECT * FROM source.${name} ${where} ORDER BY ${key} LIMIT ${rows}`,
      );
    const [first, next] = [insert(''), insert(`WHERE (${key}) > (${marks})`)];
    const descending = key.replaceAll(/\w+/g, (column) => `${column} DESC`);
    const last = db.prepare(`SELECT ${key} FROM main.${name} ORDER BY ${descending} LIMIT 1`);
    let copied = Number(first.run().changes);
    while (copied === rows) {
      yield;
      const position = Object.values(last.get() ?? {}) as SQLInputValue[];
      copied = Number(next.run(...position).changes);
    }
    yield;
  }
}

/** Takes the name, so that nobody else does and nothing is overwritten. */
function claim(copy: string): void {
  try {
    closeSync(openSync(copy, 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Error(`${copy} exists already; name a new file`);
    throw error;
  }
}

/** Gives the copy its name once it is on disk. */
function publish(part: string, copy: string): void {
  const descriptor = openSync(part, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(part, copy);
}
