import type { DatabaseSync } from 'node:sqlite';
import { checkWhole, DamagedDatabase, inTransaction, openForWriting } from '../open-database.ts';
import { openOrQuarantine, type Opened, type Quarantined } from '../quarantine.ts';
import { unpackReadings, type PackedReadings } from '../packing.ts';
import { createEntryTable, type EntryTable, type ScanRequest } from './spool-entries.ts';
import { spoolFile } from './spool-schema.ts';
import { createSeriesTable } from './spool-series.ts';
import type {
  LoadedSpool,
  RefusedReading,
  ScannedReadings,
  SpooledSeries,
  SpoolHead,
  SpoolLevel,
  WaitingChange,
} from './spool-types.ts';

/** Refused readings that are kept, and characters of them in all; the oldest make room. */
const maxRefused = 10_000;
const maxRefusedText = 10_000_000;
/** Free pages given back to the disk with one release. */
const freedPages = 1_000;

/** The spool, as its thread uses it. All that changes is on disk when a call returns. */
export interface SpoolFile {
  load(): LoadedSpool;
  /** Puts readings at the end, each batch as an entry. @throws RpcError -32006 when they find no room */
  append(series: readonly SpooledSeries[], batches: readonly PackedReadings[], at: number): void;
  /** Puts a change at the end and marks series as removed. */
  appendChange(change: WaitingChange, removed: readonly number[], at: number): void;
  /** The first entries, of about so many readings. */
  head(maxReadings: number): SpoolHead | undefined;
  /** Forgets the entries up to this one, keeping aside what was refused of them. */
  release(last: number, refused: readonly RefusedReading[], at: number): void;
  /** Keeps the first entry apart, because it cannot be read any more. */
  setAside(id: number): void;
  /** Brings the index of series up to date; when told, it knows all readings up to the entry `indexedTo` then. */
  save(series: readonly SpooledSeries[], indexedTo?: number): void;
  forget(series: readonly number[]): void;
  scan(request: ScanRequest): ScannedReadings;
  level(): SpoolLevel;
  close(): void;
}

/** What showed while the file was in use that it is damaged, and the newest entry there was. */
export interface SpoolDamage {
  reason: string;
  after: number;
}

/**
 * Opens a spool and loads what is in it. A damaged one is put aside; the entries of a new one are counted on from those
 * of the old one where that was in use.
 * @throws Error that says what is wrong with the file
 */
export function openSpoolFile(
  { path, maxBytes, damage }: { path: string; maxBytes: number; damage?: SpoolDamage },
  now: number,
): Opened<{ file: SpoolFile; loaded: LoadedSpool }> {
  const open = (quarantined?: Quarantined) => {
    const { db, close } = openForWriting(path, spoolFile);
    try {
      if (damage && !quarantined) throw new DamagedDatabase(damage.reason);
      checkWhole(db, path);
      if (damage) countOn(db, damage.after);
      const file = createSpoolFile(db, close, maxBytes);
      return { file, loaded: file.load() };
    } catch (error) {
      close();
      throw error;
    }
  };
  return openOrQuarantine(path, spoolFile, open, now);
}

/** Lets no entry have the id of an earlier one. */
function countOn(db: DatabaseSync, after: number): void {
  db.prepare("INSERT INTO sqlite_sequence VALUES ('entries', ?)").run(after);
}

function createSpoolFile(db: DatabaseSync, close: () => void, maxBytes: number): SpoolFile {
  const entries = createEntryTable(db, maxBytes);
  const series = createSeriesTable(db);
  const refusals = createRefusals(db);
  const setIndexed = db.prepare('UPDATE counters SET indexed_to = ?');
  const commit = (work: () => void): void => {
    try {
      inTransaction(db, work);
    } catch (error) {
      entries.measure();
      throw error;
    }
  };
  const level = (): SpoolLevel => ({ ...entries.level(), refused: refusals.counted() });

  return {
    load() {
      const known = series.load();
      if (entries.level().entries > 0) replay(known, entries, indexedTo(db));
      const nextId = known.reduce((highest, one) => Math.max(highest, one.series.id), 0) + 1;
      return { series: known, nextId, changes: entries.changes(), level: level() };
    },
    append: (changed, batches, at) =>
      commit(() => {
        series.put(changed);
        entries.append(batches, at);
      }),
    appendChange: (change, removed, at) =>
      commit(() => {
        series.markRemoved(removed);
        entries.appendChange(change, at);
      }),
    head: (maxReadings) => entries.head(maxReadings),
    release(last, refused, at) {
      commit(() => {
        entries.release(last);
        refusals.add(refused, at);
        if (entries.level().entries === 0) series.forgetRemoved();
      });
      giveBack(db);
    },
    setAside: (id) => commit(() => refusals.count(entries.setAside(id))),
    save: (changed, to) =>
      inTransaction(db, () => {
        series.put(changed);
        if (to !== undefined) setIndexed.run(to);
      }),
    forget: (ids) => inTransaction(db, () => series.forget(ids)),
    scan: (request) => entries.scan(request),
    level,
    close,
  };
}

/** Gives free pages back to the disk, some at a time. */
function giveBack(db: DatabaseSync): void {
  try {
    db.exec(`PRAGMA incremental_vacuum(${freedPages})`);
  } catch {
    // It needs room itself, and a disk may be full: there will be a next time.
  }
}

const indexedTo = (db: DatabaseSync): number =>
  Number(db.prepare('SELECT indexed_to FROM counters').get()?.['indexed_to']);

/** Finds newest readings among those that wait and that the index did not know when it was saved last. */
function replay(known: readonly SpooledSeries[], entries: EntryTable, after: number): void {
  const byId = new Map(known.map(({ series }) => [series.id, series]));
  for (const batch of entries.after(after))
    for (const { id, timestamp, value, quality } of unpackReadings(
      batch,
      (id) => byId.get(id)?.value_type,
    )) {
      const series = byId.get(id);
      if (series && timestamp >= (series.latest?.timestamp ?? -Infinity))
        series.latest = { timestamp, value, quality };
    }
}

function createRefusals(db: DatabaseSync): {
  add(refused: readonly RefusedReading[], at: number): void;
  /** So many more were refused. */
  count(readings: number): void;
  counted(): number;
} {
  const insert = db.prepare('INSERT INTO refused VALUES (NULL, ?, ?, ?)');
  const makeRoom = db.prepare(`
    DELETE FROM refused WHERE id <= (SELECT id FROM (
      SELECT id, count(*) OVER newer AS count, sum(length(reading) + length(reason)) OVER newer AS text
      FROM refused WINDOW newer AS (ORDER BY id DESC)
    ) WHERE count > ${maxRefused} OR text > ${maxRefusedText} ORDER BY id DESC LIMIT 1)`);
  const add = db.prepare('UPDATE counters SET refused = refused + ?');
  const count = db.prepare('SELECT refused FROM counters');

  return {
    add(refused, at) {
      if (refused.length === 0) return;
      for (const { reading, reason } of refused.slice(-maxRefused))
        insert.run(at, JSON.stringify(reading), reason);
      makeRoom.run();
      add.run(refused.length);
    },
    count(readings) {
      add.run(readings);
    },
    counted: () => Number(count.get()?.['refused']),
  };
}
