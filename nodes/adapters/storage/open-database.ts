import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isOfUnknownFormat } from './file-header.ts';

/** What makes a file one of ours: SQLite's application_id, and the version of its layout. */
export interface FileKind {
  applicationId: number;
  version: number;
  /** Creates the tables of an empty file. */
  layout: string;
  /** By version: makes the layout of the next version of it. */
  migrations?: Readonly<Record<number, string>>;
}

/** A database and the lock that keeps other processes from it. */
export interface OpenDatabase {
  db: DatabaseSync;
  close: () => void;
}

const sqliteBusy = 5;
const sqliteCorrupt = 11;
const sqliteCantOpen = 14;
const sqliteNotADatabase = 26;

/** A file that is no SQLite database, or no longer a whole one. */
export class DamagedDatabase extends Error {
  override name = 'DamagedDatabase';
}

/** Whether an error says that a database is damaged: one of ours, or SQLite's own while the file is used. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedDatabase) return true;
  const { errcode } = error as { errcode?: number };
  const code = errcode === undefined ? undefined : errcode & 0xff;
  return code === sqliteCorrupt || code === sqliteNotADatabase;
}

/** Reads what we have packed ourselves. @throws DamagedDatabase when it cannot be unpacked any more */
export function unpackStored<T>(unpack: () => T): T {
  try {
    return unpack();
  } catch (error) {
    throw new DamagedDatabase(`a packed body is damaged: ${String(error)}`);
  }
}

/**
 * Also checks the order of rows, which `quick_check` does not do for tables without row ids.
 * @throws DamagedDatabase when the file is not whole; reads all of it, so a large one takes its time
 */
export function checkWhole(db: DatabaseSync, file: string): void {
  const [found] = Object.values(db.prepare('PRAGMA integrity_check(1)').get() ?? {});
  if (found !== 'ok') throw new DamagedDatabase(`${file} is damaged: ${String(found)}`);
}

/**
 * Opens or creates a database for writing: WAL, and a commit is on disk when it returns. No other process can open it
 * this way until it is closed or its process ends, however it ends.
 * @throws Error that says what is wrong with the file and what can be done
 */
export function openForWriting(file: string, kind: FileKind): OpenDatabase {
  return explained(file, () => {
    const lock = new DatabaseSync(lockOf(file));
    let db: DatabaseSync | undefined;
    try {
      lock.exec('BEGIN EXCLUSIVE');
      db = new DatabaseSync(file);
      // A backup or a curious shell may hold the file for a moment.
      db.exec('PRAGMA busy_timeout = 1000');
      prepareFile(db, file, kind);
      if (isOfUnknownFormat(file)) throw notADatabase(file);
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY');
      mark(lock, kind);
    } catch (error) {
      db?.close();
      lock.close();
      throw error;
    }
    const opened = db;
    return {
      db: opened,
      close() {
        opened.close();
        lock.close();
      },
    };
  });
}

/** The file that is locked while a database is open. */
export const lockOf = (file: string): string => `${file}.lock`;

/** Writes down in the lock whose file it is: a damaged one may not say so any more. */
function mark(lock: DatabaseSync, { applicationId }: FileKind): void {
  if (pragma(lock, 'application_id') === applicationId) return;
  lock.exec(`PRAGMA application_id = ${applicationId}; COMMIT; BEGIN EXCLUSIVE`);
}

const pragma = (db: DatabaseSync, name: string): unknown =>
  Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];

/** Runs all of `work` or nothing of it. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      db.exec('ROLLBACK');
    } catch {
      // After some errors, such as a full disk, SQLite has rolled back by itself.
    }
    throw error;
  }
}

/** Makes an empty database one of this kind. */
export function layOut(db: DatabaseSync, { layout, applicationId, version }: FileKind): void {
  db.exec(
    `BEGIN; ${layout}; PRAGMA application_id = ${applicationId};` +
      `PRAGMA user_version = ${version}; COMMIT`,
  );
}

function prepareFile(db: DatabaseSync, file: string, kind: FileKind): void {
  const [id, version] = [pragma(db, 'application_id'), Number(pragma(db, 'user_version'))];
  const columns = columnsOf(db);
  if (id === 0 && columns.size === 0) {
    layOut(db, kind);
    return;
  }
  const hasLayout = [...inEmptyDatabase(kind, columnsOf)].every((column) => columns.has(column));
  if (hasLayout && id !== kind.applicationId)
    throw new DamagedDatabase(`${file} is damaged: its header is not that of its tables`);
  if (!hasLayout && id === kind.applicationId && version === kind.version)
    throw new DamagedDatabase(`${file} is damaged: its tables are not all there`);
  if (id !== kind.applicationId)
    throw new Error(`${file} belongs to another program; name another file`);
  migrate(db, version, kind);
  if (pragma(db, 'user_version') !== kind.version)
    throw new Error(
      `${file} has layout version ${version}, this hub knows ${kind.version}: it was written by another version of the hub`,
    );
  const definitions = definitionsOf(db);
  for (const [name, definition] of inEmptyDatabase(kind, definitionsOf))
    if (definitions.get(name) !== definition)
      throw new DamagedDatabase(`${file} is damaged: its table ${name} is not what it was made as`);
}

/** By name of the table or index: the statement that made it, without regard to white space. */
function definitionsOf(db: DatabaseSync): Map<string, string> {
  const rows = db.prepare('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL').all();
  return new Map(
    rows.map(({ name, sql }) => [name as string, (sql as string).replaceAll(/\s+/g, ' ')]),
  );
}

/** All columns, as `table.column`. */
function columnsOf(db: DatabaseSync): Set<string> {
  const rows = db
    .prepare(
      `SELECT tables.name || '.' || columns.name AS name
       FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'`,
    )
    .all();
  return new Set(rows.map(({ name }) => name as string));
}

/** Looks into a database that has the layout and nothing else. */
function inEmptyDatabase<T>({ layout }: FileKind, look: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(':memory:');
  try {
    db.exec(layout);
    return look(db);
  } finally {
    db.close();
  }
}

/** Brings an older layout to the one of today, a version at a time; a step that is cut off has not been made. */
function migrate(db: DatabaseSync, version: number, { migrations = {} }: FileKind): void {
  for (let step = migrations[version]; step !== undefined; step = migrations[++version])
    db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${version + 1}; COMMIT`);
}

function explained<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof DamagedDatabase) throw error;
    const { message, errcode } = error as Error & { errcode?: number };
    switch (errcode === undefined ? undefined : errcode & 0xff) {
      case sqliteCorrupt:
      case sqliteNotADatabase:
        throw notADatabase(file);
      case sqliteCantOpen:
        throw new Error(
          isFolder(file)
            ? `${file} is a folder; name a file`
            : `${file} cannot be opened: its folder does not exist or may not be written to`,
        );
      case sqliteBusy:
        throw new Error(`${file} is in use by another hub; stop it or name another file`);
      default:
        // A number in its header is none that there is.
        if (message === 'unsupported file format') throw notADatabase(file);
        throw new Error(message.includes(file) ? message : `${file}: ${message}`);
    }
  }
}

const notADatabase = (file: string): DamagedDatabase =>
  new DamagedDatabase(
    `${file} is not an SQLite database or is damaged; move it away or name another file`,
  );

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
