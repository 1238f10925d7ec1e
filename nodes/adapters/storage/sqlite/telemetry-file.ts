import type { DatabaseSync } from 'node:sqlite';
import { inTransaction, type OpenDatabase } from '../open-database.ts';
import type { PackedReadings } from '../packing.ts';
import { createHotReadings, type Forgotten } from './hot-readings.ts';
import { createReadingMover } from './reading-mover.ts';
import { createReadingRemover, type SeriesExpiry } from './reading-remover.ts';
import { createRollupBuilder } from './rollup-builder.ts';
import { createRollupMarks } from './rollup-marks.ts';
import { hourOf } from './rollup-slots.ts';
import type { LatestRow, SeriesRow } from './sqlite-schema.ts';

/** What one commit writes. */
export interface ReadingsCommit {
  /** Series that are new or have another unit now. */
  series: SeriesRow[];
  readings: PackedReadings;
}

/** What is in the file when it is opened. */
export interface LoadedSeries {
  series: SeriesRow[];
  latest: LatestRow[];
  /** Larger than the id of any series there is or whose readings are still being deleted. */
  nextId: number;
}

/** The telemetry database, as the writer thread uses it. */
export interface TelemetryFile {
  /** What was there when the file was opened. */
  loaded: LoadedSeries;
  /** All readings of a commit or none; they are on disk when this returns. */
  commit(commit: ReadingsCommit): void;
  /** Forgets series at once; `sweep` deletes what they leave behind. */
  remove(series: readonly number[]): void;
  /** Deletes a part of what removed series left behind; false when nothing is left. */
  sweep(): boolean;
  /** Deletes a part of what is too old; false when nothing of it is left. */
  expire(expiries: readonly SeriesExpiry[]): boolean;
  /** Brings a part of what is hot to its place, about this many readings; false when the move is over. */
  move(most: number): boolean;
  /** Makes missing rollups for about this long; false when all have been gone through. */
  rollUp(milliseconds: number): boolean;
  hotRows(): number;
  hotCommits(): number;
  /** Stored readings; those that repeat a series and time count until they are moved. */
  count(): number;
  close(): void;
}

/**
 * Loads what is in an open file.
 * @param checkRoom throws when nothing may be stored because the disk is full
 * @throws Error when the file is damaged
 */
export function createTelemetryFile(
  { db, close }: OpenDatabase,
  checkRoom: () => void,
): TelemetryFile {
  db.exec('PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 4000');
  const series = db.prepare('SELECT * FROM series').all() as unknown as SeriesRow[];
  const latest = readLatest(db, series);
  const hot = createHotReadings(db);
  const marks = createRollupMarks(
    db,
    [...latest.values()].map((row) => [row.series, hourOf(row.timestamp)]),
  );
  const mover = createReadingMover(db, hot, marks);
  const remover = createReadingRemover(db, marks);
  const builder = createRollupBuilder(db, marks);
  const putSeries = db.prepare(
    'INSERT INTO series VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET unit = excluded.unit',
  );
  const counted = db.prepare('SELECT readings FROM counters');

  /** What a power cut may undo, because it would be done again: the disk need not be waited for. */
  const upkeep = <T>(work: () => T): T => {
    db.exec('PRAGMA synchronous = NORMAL');
    try {
      const result = inTransaction(db, work);
      marks.committed();
      return result;
    } catch (error) {
      marks.rolledBack();
      throw error;
    } finally {
      db.exec('PRAGMA synchronous = FULL');
    }
  };
  const move = (most: number): boolean => {
    upkeep(() => mover.step(most));
    return mover.stepped();
  };
  const forgetHot = (forgotten: Forgotten): (() => void) => {
    const forget = hot.forget(forgotten);
    return () => {
      forget();
      mover.forget(forgotten);
    };
  };

  /** What an earlier run of the process has left hot is moved before anything else is done. */
  const load = (): LoadedSeries => {
    const waiting = new Set(hot.commits().flatMap(({ readings }) => [...readings.series]));
    while (move(Infinity));
    const changed = series.filter(({ id }) => waiting.has(id));
    for (const [id, row] of readLatest(db, changed)) latest.set(id, row);
    const highest = db.prepare(
      'SELECT max(id) AS id FROM (SELECT max(id) AS id FROM series UNION SELECT max(series) FROM removed)',
    );
    const nextId = Number(highest.get()?.['id'] ?? 0) + 1;
    return { series, latest: [...latest.values()], nextId };
  };

  return {
    loaded: load(),
    commit(commit) {
      checkRoom();
      const kept = inTransaction(db, () => {
        for (const row of commit.series) {
          const { id, device_id, sensor_id, measurement_type, unit, value_type } = row;
          putSeries.run(id, device_id, sensor_id, measurement_type, unit, value_type);
        }
        return hot.insert(commit.readings);
      });
      hot.keep(kept);
    },
    remove(ids) {
      const gone = new Set(ids);
      const forget = inTransaction(db, () => {
        remover.remove(ids);
        return forgetHot((id) => gone.has(id));
      });
      forget();
      for (const id of ids) marks.forget(id);
    },
    sweep: () => upkeep(() => remover.sweep()),
    expire(expiries) {
      const times = new Map(expiries.map((expiry) => [expiry.series, expiry.before]));
      const [forget, isMore] = upkeep(() => [
        forgetHot((id, timestamp) => timestamp < (times.get(id) ?? -Infinity)),
        remover.expire(expiries),
      ]);
      forget();
      return isMore;
    },
    move,
    rollUp: (milliseconds) => upkeep(() => builder.step(milliseconds)),
    hotRows: () => hot.rows(),
    hotCommits: () => hot.commits().length,
    count: () => Number(counted.get()?.['readings']) + mover.waiting(),
    close,
  };
}

function readLatest(db: DatabaseSync, series: readonly SeriesRow[]): Map<number, LatestRow> {
  const last = db.prepare(
    'SELECT * FROM readings WHERE series = ? ORDER BY timestamp DESC LIMIT 1',
  );
  const found = series.flatMap(({ id }) => (last.get(id) as LatestRow | undefined) ?? []);
  return new Map(found.map((row) => [row.series, row]));
}
