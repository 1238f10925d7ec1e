import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { inTransaction, openForWriting } from '../open-database.ts';
import {
  sessionFile,
  tableShapes,
  type SessionChange,
  type SessionRows,
  type SessionTable,
} from './session-rows.ts';

/** The database of the MQTT sessions, as the worker uses it. */
export interface SessionFile {
  all<Table extends SessionTable>(table: Table): SessionRows[Table][];
  /** All changes or none, in one commit; on disk when this returns. */
  commit(changes: readonly SessionChange[]): void;
  close(): void;
}

/**
 * @param maxBytes what the file may grow to; a commit that needs more fails
 * @throws Error that says what is wrong with the file
 */
export function createSessionFile(path: string, maxBytes: number): SessionFile {
  const { db, close } = openForWriting(path, sessionFile);
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
    all: (table) => prepare(`SELECT * FROM ${table}`).all() as never,
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
