import { DatabaseSync } from 'node:sqlite';

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

/** @throws DamagedDatabase when the file is not whole; reads all of it, so a large one takes its time */
export function checkWhole(db: DatabaseSync, file: string): void {
  const [found] = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {});
  if (found !== 'ok') throw new DamagedDatabase(`${file} is damaged: ${String(found)}`);
}

/**
 * Opens or creates a database for writing: WAL, and a commit is on disk when it returns. No other process can open it
 * this way until it is closed or its process ends, however it ends.
 * @throws Error that says what is wrong with the file and what can be done
 */
export function openForWriting(file: string, kind: FileKind): OpenDatabase {
  return explained(file, () => {
    const lock = new DatabaseSync(`${file}.lock`);
    let db: DatabaseSync | undefined;
    try {
      lock.exec('BEGIN EXCLUSIVE');
      db = new DatabaseSync(file);
      // A backup or a curious shell may hold the file for a moment.
      db.exec('PRAGMA busy_timeout = 1000');
      prepareFile(db, file, kind);
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY');
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

function prepareFile(db: DatabaseSync, file: string, kind: FileKind): void {
  const pragma = (name: string): unknown =>
    Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const [id, version] = [pragma('application_id'), Number(pragma('user_version'))];
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get();
  if (id === 0 && tables?.['count'] === 0) {
    db.exec(
      `BEGIN; ${kind.layout}; PRAGMA application_id = ${kind.applicationId};` +
        `PRAGMA user_version = ${kind.version}; COMMIT`,
    );
  } else if (id !== kind.applicationId) {
    throw new Error(`${file} belongs to another program; name another file`);
  } else {
    migrate(db, version, kind);
    if (pragma('user_version') !== kind.version)
      throw new Error(
        `${file} has layout version ${version}, this hub knows ${kind.version}: it was written by another version of the hub`,
      );
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
    const { message, errcode } = error as Error & { errcode?: number };
    switch (errcode === undefined ? undefined : errcode & 0xff) {
      case sqliteCorrupt:
      case sqliteNotADatabase:
        throw new DamagedDatabase(
          `${file} is not an SQLite database or is damaged; move it away or name another file`,
        );
      case sqliteCantOpen:
        throw new Error(
          `${file} cannot be opened: its folder does not exist or may not be written to`,
        );
      case sqliteBusy:
        throw new Error(`${file} is in use by another hub; stop it or name another file`);
      default:
        throw new Error(message.includes(file) ? message : `${file}: ${message}`);
    }
  }
}
