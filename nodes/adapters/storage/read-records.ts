import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { RecordKind } from '../../core/records.ts';

/** Reads the documents of one kind, also while a hub uses the file. @throws Error when there is no such file */
export function readRecords<T>(file: string, kind: RecordKind): T[] {
  if (!existsSync(file)) throw new Error(`there is no ${file}: has the hub been started here?`);
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db
      .prepare('SELECT document FROM records WHERE kind = ?')
      .all(kind)
      .map(({ document }) => JSON.parse(document as string) as T);
  } finally {
    db.close();
  }
}
