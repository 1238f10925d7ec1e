import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './open-database.ts';
import { databaseParts } from './quarantine.ts';

/** A new database in place of a damaged one. */
export interface NewDatabase {
  db: DatabaseSync;
  /** Its file, in which its layout is. */
  path: string;
}

/**
 * Copies what can be read of a damaged database into a new one of the same layout, all in one transaction. Where not
 * even its list of tables can be read, its first page is taken for that of the new one: the tables of a layout begin at
 * the same pages in every file.
 * @param copy throws when it can read no table
 * @returns undefined if nothing could be read
 */
export function readDamaged<T>(
  damaged: string,
  into: NewDatabase,
  copy: (from: DatabaseSync) => T,
): T | undefined {
  const mended = `${damaged}.mended`;
  try {
    return (
      unlessBroken(() => copyFrom(damaged, into.db, copy)) ??
      unlessBroken(() => {
        mend(damaged, mended, into);
        return copyFrom(mended, into.db, copy);
      })
    );
  } finally {
    for (const part of databaseParts) rmSync(mended + part, { force: true });
  }
}

function copyFrom<T>(file: string, into: DatabaseSync, copy: (from: DatabaseSync) => T): T {
  const from = new DatabaseSync(file, { readOnly: true, defensive: false });
  try {
    // Otherwise SQLite refuses a file that is shorter than its header says.
    from.exec('PRAGMA writable_schema = ON');
    return inTransaction(into, () => copy(from));
  } finally {
    from.close();
  }
}

/** Where the header says how many pages there are. */
const pageCountAt = 28;

/** Makes a copy whose first page is that of another file. */
function mend(damaged: string, mended: string, like: NewDatabase): void {
  for (const part of ['', '-wal'])
    if (existsSync(damaged + part)) copyFileSync(damaged + part, mended + part);
  const pageBytes = Number(like.db.prepare('PRAGMA page_size').get()?.['page_size']);
  const page = Buffer.alloc(pageBytes);
  withFile(like.path, 'r', (file) => readSync(file, page, 0, pageBytes, 0));
  page.writeUInt32BE(Math.ceil(statSync(damaged).size / pageBytes), pageCountAt);
  withFile(mended, 'r+', (file) => writeSync(file, page, 0, pageBytes, 0));
}

function withFile(path: string, flags: string, work: (file: number) => void): void {
  const file = openSync(path, flags);
  try {
    work(file);
  } finally {
    closeSync(file);
  }
}

/** Undefined where it cannot be read. */
export function unlessBroken<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
