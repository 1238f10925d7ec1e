import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { checkWhole, inTransaction, openForWriting } from '../open-database.ts';
import { openOrQuarantine, type Opened } from '../quarantine.ts';
import {
  sessionFile,
  tableShapes,
  type SessionChange,
  type SessionRows,
  type SessionTable,
} from './session-rows.ts';

/** All that a file holds. */
export type StoredSessions = { [Table in SessionTable]: SessionRows[Table][] };

/** The database of the MQTT sessions, as the worker uses it. */
export interface SessionFile {
  load(): StoredSessions;
  /** All changes or none, in one commit; on disk when this returns. */
  commit(changes: readonly SessionChange[]): void;
  close(): void;
}

/**
 * Opens a file and loads what is in it; a damaged one is put aside, and a new one begun.
 * @param maxBytes what the file may grow to; a commit that needs more fails
 * @throws Error that says what is wrong with the file
 */
export function openSessionFile(
  path: string,
  maxBytes: number,
  now: number,
): Opened<{ file: SessionFile; stored: StoredSessions }> {
  const open = () => {
    const { db, close } = openForWriting(path, sessionFile);
    try {
      checkWhole(db, path);
      const file = createSessionFile(db, close, maxBytes);
      return { file, stored: file.load() };
    } catch (error) {
      close();
      throw error;
    }
  };
  return openOrQuarantine(path, sessionFile, open, now);
}

function createSessionFile(db: DatabaseSync, close: () => void, maxBytes: number): SessionFile {
  const pageSize = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
  db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / pageSize)}`);

  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known) return known;
    const statement = db.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };

  return {
    load() {
      const tables = Object.keys(tableShapes).map((table) => [
        table,
        db.prepare(`SELECT * FROM ${table}`).all(),
      ]);
      return Object.fromEntries(tables) as StoredSessions;
    },
    commit: (changes) =>
      inTransaction(db, () => {
        for (const change of changes) {
          const isPut = 'put' in change;
          const sql = isPut ? putting[change.table] : removing[change.table];
          prepare(sql).run((isPut ? change.put : change.remove) as Record<string, SQLInputValue>);
        }
      }),
    close,
  };
}

const statements = (
  make: (table: string, key: readonly string[], rest: readonly string[]) => string,
): Record<SessionTable, string> =>
  Object.fromEntries(
    Object.entries(tableShapes).map(([table, { key, rest }]) => [table, make(table, key, rest)]),
  ) as Record<SessionTable, string>;

const putting = statements((table, key, rest) => {
  const columns = [...key, ...rest];
  const values = columns.map((column) => `:${column}`);
  return `INSERT OR REPLACE INTO ${table} (${columns.join()}) VALUES (${values.join()})`;
});

const removing = statements(
  (table, key) =>
    `DELETE FROM ${table} WHERE ${key.map((column) => `${column} = :${column}`).join(' AND ')}`,
);
