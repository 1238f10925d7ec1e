import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { recordKinds } from '../../core/records.ts';
import { readDamaged, unlessBroken, type NewDatabase } from './read-damaged.ts';

type Row = Record<string, SQLOutputValue>;

/**
 * Copies the documents that can be read of a damaged file into a new one: of each kind, those before and those behind
 * what cannot be read. Gives how many.
 */
export const salvageRecords = (damaged: string, into: NewDatabase): number =>
  readDamaged(damaged, into, (from) => copyReadable(from, into.db)) ?? 0;

function copyReadable(from: DatabaseSync, into: DatabaseSync): number {
  const put = into.prepare('INSERT OR IGNORE INTO records (kind, id, document) VALUES (?, ?, ?)');
  const ofKind = (order: string): StatementSync =>
    from.prepare(`SELECT * FROM records WHERE kind = ? ORDER BY id ${order}`);
  const statements = [ofKind('ASC'), ofKind('DESC')];
  let copied = 0;
  for (const kind of recordKinds)
    for (const statement of statements) {
      const isAll = readAll(statement, [kind], ({ id, document }) => {
        if (typeof id === 'string' && isDocument(document))
          copied += Number(put.run(kind, id, document).changes);
      });
      if (isAll) break;
    }
  return copied;
}

/** Reads rows until one cannot be read; false when there was one. */
function readAll(statement: StatementSync, values: string[], take: (row: Row) => void): boolean {
  try {
    for (const row of statement.iterate(...values)) take(row);
    return true;
  } catch {
    return false;
  }
}

const isDocument = (text: unknown): text is string =>
  typeof text === 'string' && unlessBroken(() => JSON.parse(text) as unknown) !== undefined;
