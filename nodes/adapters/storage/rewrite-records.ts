import { existsSync } from 'node:fs';
import { inTransaction, openForWriting } from './open-database.ts';
import { recordFileKind } from './record-file.ts';

/** The documents of a hub that is stopped; none can start while this is open. */
export interface RecordRewriter {
  /**
   * Gives each document what `change` makes of its JSON text, all in one commit, and leaves nothing of the former texts
   * in the file. @returns how many are others now
   */
  rewrite(change: (text: string) => string): number;
  close(): void;
}

/** @throws Error when there is no such file, a hub uses it, or it is damaged */
export function openForRewriting(file: string): RecordRewriter {
  if (!existsSync(file)) throw new Error(`there is no ${file}: has the hub been started here?`);
  const { db, close } = openForWriting(file, recordFileKind);
  return {
    rewrite(change) {
      const select = db.prepare('SELECT kind, id, document FROM records');
      const update = db.prepare('UPDATE records SET document = ? WHERE kind = ? AND id = ?');
      const changed = inTransaction(db, () => {
        let count = 0;
        for (const { kind, id, document } of select.all()) {
          const text = change(document as string);
          if (text !== document)
            count += Number(update.run(text, kind as string, id as string).changes);
        }
        return count;
      });
      db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
      return changed;
    },
    close,
  };
}
