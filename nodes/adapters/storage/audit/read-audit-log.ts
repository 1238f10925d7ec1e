import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import {
  checkChain,
  type ChainHead,
  type ChainReport,
  type ChainRow,
} from '../../../core/security/audit-chain.ts';
import { anchorOf, sha256 } from './audit-file.ts';

/** Reads a log, also while a hub writes to it: all of it as it is at one moment. @throws Error for people */
function reading<T>(file: string, read: (db: DatabaseSync) => T): T {
  if (!existsSync(file)) throw new Error(`there is no ${file}: has the hub been started here?`);
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    db.exec('PRAGMA busy_timeout = 10000; BEGIN');
    return read(db);
  } finally {
    db.close();
  }
}

/** Goes through the whole chain. @param expected a head that was written down elsewhere */
export function verifyAuditLog(
  file: string,
  expected?: ChainHead,
): ChainReport & { anchor: ChainHead } {
  return reading(file, (db) => {
    const anchor = anchorOf(db);
    const rows = db.prepare('SELECT seq, hash, event FROM events ORDER BY seq').iterate();
    return {
      anchor,
      ...checkChain(anchor, rows as unknown as Iterable<ChainRow>, sha256, expected),
    };
  });
}

/** Tells every row of a span of time (ISO 8601 in UTC) in its order, as a line of JSON. @returns how many there were */
export function exportAuditLog(
  file: string,
  span: { since?: string | undefined; until?: string | undefined },
  tell: (line: string) => void,
): number {
  return reading(file, (db) => {
    const { since = '', until = '9' } = span;
    const rows = db
      .prepare('SELECT seq, hash, event FROM events WHERE at >= ? AND at < ? ORDER BY seq')
      .iterate(since, until);
    let count = 0;
    for (const { seq, hash, event } of rows as unknown as Iterable<ChainRow>) {
      // The event as it rests, so that its hash can be checked from the line.
      tell(`{"seq":${seq},"hash":${JSON.stringify(hash)},"event":${event}}`);
      count += 1;
    }
    return count;
  });
}
