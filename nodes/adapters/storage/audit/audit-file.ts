import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import {
  chainStart,
  nextRow,
  type ChainHead,
  type ChainRow,
  type Sha256,
} from '../../../core/security/audit-chain.ts';
import type { Pruned } from '../../../core/security/audit-log.ts';
import { auditFields, type AuditQuery } from '../../../core/security/audit-query.ts';
import { inTransaction, openForWriting, type FileKind } from '../open-database.ts';
import { describeQuarantined, openOrQuarantine, type Quarantined } from '../quarantine.ts';

export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest('hex');

/**
 * Rows are added and never changed; only those up to the anchor can be removed, and the anchor only moves on, to a row
 * that is there. What is filtered by is computed from the event, so that nothing is outside the hash.
 */
export const auditFileKind: FileKind = {
  applicationId: 0x6c6c6d61,
  version: 1,
  layout: `
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY,
      hash TEXT NOT NULL,
      event TEXT NOT NULL,
      at TEXT AS (event ->> '$.at'),
      action TEXT AS (event ->> '$.action'),
      outcome TEXT AS (event ->> '$.outcome'),
      principal_id TEXT AS (event ->> '$.principal.id'),
      device_id TEXT AS (event ->> '$.device_id'),
      subject TEXT AS (event ->> '$.subject'),
      transport TEXT AS (event ->> '$.transport')
    );
    CREATE INDEX events_by_at ON events (at);
    CREATE INDEX events_by_action ON events (action, outcome);
    CREATE INDEX events_by_principal ON events (principal_id);
    CREATE INDEX events_by_device ON events (device_id);
    CREATE TABLE anchor (
      id INTEGER PRIMARY KEY CHECK (id = 0),
      seq INTEGER NOT NULL,
      hash TEXT NOT NULL
    );
    INSERT INTO anchor VALUES (0, ${chainStart.seq}, '${chainStart.hash}');
    CREATE TRIGGER events_stay BEFORE UPDATE ON events
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events
      WHEN OLD.seq > (SELECT seq FROM anchor)
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER events_are_added BEFORE INSERT ON events
      WHEN NEW.seq <> 1 + max((SELECT seq FROM anchor), coalesce((SELECT max(seq) FROM events), 0))
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER anchor_moves_on BEFORE UPDATE ON anchor
      WHEN NEW.seq <= OLD.seq OR NEW.hash IS NOT (SELECT hash FROM events WHERE seq = NEW.seq)
      BEGIN SELECT RAISE(ABORT, 'the anchor of the audit log moves on to one of its rows'); END;
    CREATE TRIGGER anchor_stays BEFORE DELETE ON anchor
      BEGIN SELECT RAISE(ABORT, 'the audit log has an anchor'); END`,
};

/** The database of the log, as the worker uses it. */
export interface AuditFile {
  append(events: readonly string[]): void;
  query(query: AuditQuery): ChainRow[];
  prune(before: string | undefined, maxBytes: number): Pruned;
  close(): void;
}

/** Rows that one call removes at most, so that writing does not wait long. */
const mostPruned = 5_000;

/**
 * Opens the log. A damaged file is put aside, and a new chain begins.
 * @param now milliseconds since the epoch
 * @throws Error that says what is wrong with the file
 */
export function openAuditFile(path: string, now: number): { file: AuditFile; note?: string } {
  let note: string | undefined;
  const open = (quarantined?: Quarantined): AuditFile => {
    const { db, close } = openForWriting(path, auditFileKind);
    try {
      if (quarantined) note = describeQuarantined(quarantined, 'a new chain begins');
      return createAuditFile(db, close);
    } catch (error) {
      close();
      throw error;
    }
  };
  const { opened } = openOrQuarantine(path, auditFileKind, open, now);
  return { file: opened, ...(note !== undefined && { note }) };
}

const rowOf = (row: Record<string, unknown>): ChainRow => row as unknown as ChainRow;

/** @throws Error when somebody has removed the anchor */
export function anchorOf(db: DatabaseSync): ChainHead {
  const anchor = db.prepare('SELECT seq, hash FROM anchor WHERE id = 0').get();
  if (!anchor) throw new Error('the audit log has no anchor: it was removed');
  return anchor as unknown as ChainHead;
}

function createAuditFile(db: DatabaseSync, close: () => void): AuditFile {
  const insert = db.prepare('INSERT INTO events (seq, hash, event) VALUES (?, ?, ?)');
  const last = db.prepare('SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1');
  const readHead = (): ChainHead => (last.get() as ChainHead | undefined) ?? anchorOf(db);
  let head = readHead();

  const bytesUsed = (): number => {
    const of = (name: string): number =>
      Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
    return (of('page_count') - of('freelist_count')) * of('page_size');
  };
  /** The last row, of the oldest, that is too old or too much. */
  const endOfPrunable = (before: string | undefined, maxBytes: number): ChainHead | undefined => {
    const oldest = db
      .prepare('SELECT seq, hash, at FROM events ORDER BY seq LIMIT ?')
      .iterate(mostPruned);
    let end: ChainHead | undefined;
    for (const { seq, hash, at } of oldest as Iterable<{ seq: number; hash: string; at: string }>) {
      if (before === undefined || at >= before) break;
      end = { seq, hash };
    }
    if (end || maxBytes <= 0 || bytesUsed() <= maxBytes) return end;
    const { seq: first } = (db.prepare('SELECT min(seq) AS seq FROM events').get() ?? {}) as {
      seq: number | null;
    };
    if (first === null || first === head.seq) return undefined;
    // A tenth at a time, and never the last row: by it one sees that the log goes on.
    const rows = Math.min(mostPruned, Math.ceil((head.seq - first) / 10));
    const row = db.prepare('SELECT seq, hash FROM events WHERE seq = ?').get(first + rows - 1);
    return row as ChainHead | undefined;
  };

  return {
    append(events) {
      try {
        inTransaction(db, () => {
          for (const event of events) {
            const row = nextRow(head, event, sha256);
            insert.run(row.seq, row.hash, row.event);
            head = row;
          }
        });
      } catch (error) {
        head = readHead();
        throw error;
      }
    },
    query({ since, until, equal, before, limit }) {
      const conditions: string[] = [];
      const values: (string | number)[] = [];
      const where = (condition: string, value: string | number | undefined): void => {
        if (value === undefined) return;
        conditions.push(condition);
        values.push(value);
      };
      where('at >= ?', since);
      where('at < ?', until);
      where('seq < ?', before);
      for (const field of auditFields) where(`${field} = ?`, equal[field]);
      const filter = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
      return db
        .prepare(`SELECT seq, hash, event FROM events ${filter} ORDER BY seq DESC LIMIT ?`)
        .all(...values, limit)
        .map(rowOf);
    },
    prune(before, maxBytes) {
      const end = endOfPrunable(before, maxBytes);
      if (!end) return { rows: 0, anchor: anchorOf(db) };
      const rows = inTransaction(db, () => {
        db.prepare('UPDATE anchor SET seq = ?, hash = ? WHERE id = 0').run(end.seq, end.hash);
        return db.prepare('DELETE FROM events WHERE seq <= ?').run(end.seq).changes;
      });
      return { rows: Number(rows), anchor: end };
    },
    close,
  };
}
