import { inTransaction, openForWriting, type FileKind } from './open-database.ts';

/** A change of one document; without a text it is removed. */
export interface RecordChange {
  kind: string;
  id: string;
  text?: string;
}

const kind: FileKind = {
  applicationId: 0x6c6c6d72,
  version: 1,
  layout: `
    CREATE TABLE records (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      document TEXT NOT NULL,
      PRIMARY KEY (kind, id)
    ) WITHOUT ROWID`,
};

/** The database of the documents, as the worker uses it. */
export interface RecordFile {
  all(kind: string): string[];
  /** All changes or none, in their order, in one commit. */
  commit(changes: readonly RecordChange[]): void;
  close(): void;
}

/** @throws Error that says what is wrong with the file */
export function createRecordFile(path: string): RecordFile {
  const { db, close } = openForWriting(path, kind);
  const select = db.prepare('SELECT document FROM records WHERE kind = ?');
  const put = db.prepare('INSERT OR REPLACE INTO records (kind, id, document) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM records WHERE kind = ? AND id = ?');

  return {
    all: (name) => select.all(name).map(({ document }) => document as string),
    commit: (changes) =>
      inTransaction(db, () => {
        for (const { kind: name, id, text } of changes) {
          if (text === undefined) remove.run(name, id);
          else put.run(name, id, text);
        }
      }),
    close,
  };
}
