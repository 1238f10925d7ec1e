import type { DatabaseSync } from 'node:sqlite';
import {
  checkWhole,
  DamagedDatabase,
  inTransaction,
  openForWriting,
  type FileKind,
} from './open-database.ts';
import { describeQuarantined, openOrQuarantine, type Quarantined } from './quarantine.ts';
import { salvageRecords } from './salvage-records.ts';

/** A change of one document; without a text it is removed. */
export interface RecordChange {
  kind: string;
  id: string;
  text?: string;
}

/** What makes a file one of documents. */
export const recordFileKind: FileKind = {
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

/** A file of documents, and what was wrong with the one before it if that was damaged, for people. */
export interface OpenedRecordFile {
  file: RecordFile;
  note?: string;
}

/**
 * Opens a file of documents. A damaged one is put aside under another name; a new one takes its place, with what can
 * still be read of it.
 * @param now milliseconds since the epoch
 * @throws Error that says what is wrong with the file
 */
export function openRecordFile(path: string, now: number): OpenedRecordFile {
  let note: string | undefined;
  const open = (quarantined?: Quarantined): RecordFile => {
    const { db, close } = openForWriting(path, recordFileKind);
    try {
      if (quarantined) {
        const documents = salvageRecords(quarantined.file, { db, path });
        note = describeQuarantined(quarantined, `${documents} documents of it were taken over`);
      } else checkDocuments(db, path);
      return createRecordFile(db, close);
    } catch (error) {
      close();
      throw error;
    }
  };
  const { opened } = openOrQuarantine(path, recordFileKind, open, now);
  return { file: opened, ...(note !== undefined && { note }) };
}

/** @throws DamagedDatabase when the file or one of its documents is not whole */
function checkDocuments(db: DatabaseSync, path: string): void {
  checkWhole(db, path);
  if (db.prepare('SELECT 1 FROM records WHERE NOT json_valid(document) LIMIT 1').get())
    throw new DamagedDatabase(`${path} is damaged: a document is no JSON`);
}

function createRecordFile(db: DatabaseSync, close: () => void): RecordFile {
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
