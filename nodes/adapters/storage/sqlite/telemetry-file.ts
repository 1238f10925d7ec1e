import type { DatabaseSync } from 'node:sqlite';
import { inTransaction, openForWriting } from '../open-database.ts';
import type { PackedReadings } from '../packing.ts';
import { telemetryFile, type LatestRow, type SeriesRow } from './sqlite-schema.ts';

/** Rows deleted in one transaction, so that forgetting many never holds writes up for long. */
const sweepRows = 20_000;

/** Later than any reading. */
const endOfTime = Number.MAX_SAFE_INTEGER;

/** Which readings of a series are too old: those before a time in milliseconds since the epoch. */
export interface SeriesExpiry {
  series: number;
  before: number;
}

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
  load(): LoadedSeries;
  /** All readings of a commit or none; they are on disk when this returns. */
  commit(commit: ReadingsCommit): void;
  /** Forgets series at once; `sweep` deletes what they leave behind. */
  remove(series: readonly number[]): void;
  /** Deletes a part of what removed series left behind; false when nothing is left. */
  sweep(): boolean;
  /** Deletes a part of what is too old; false when nothing of it is left. */
  expire(expiries: readonly SeriesExpiry[]): boolean;
  /** Brings what is in `hot` to its place in `readings`. */
  move(): void;
  hotRows(): number;
  /** Stored readings; rows that repeat a series and time count until they are moved. */
  count(): number;
  close(): void;
}

/** @throws Error that says what is wrong with the file */
export function createTelemetryFile(path: string): TelemetryFile {
  const { db, close } = openForWriting(path, telemetryFile);
  db.exec('PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 4000');
  const insert = db.prepare('INSERT INTO hot VALUES (?, ?, ?, ?, ?)');
  const putSeries = db.prepare(
    'INSERT INTO series VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET unit = excluded.unit',
  );
  const mover = createMover(db);
  const remover = createRemover(db);
  const counted = db.prepare('SELECT readings FROM counters');
  let hotRows = Number(db.prepare('SELECT count(*) AS count FROM hot').get()?.['count']);

  const insertReadings = ({ series, timestamp, number, quality, text }: PackedReadings): void => {
    let nextText = 0;
    for (let i = 0; i < series.length; i++) {
      const value = number[i] as number;
      const isText = Number.isNaN(value);
      insert.run(
        series[i] as number,
        timestamp[i] as number,
        isText ? null : value,
        isText ? (text[nextText++] as string) : null,
        quality[i] as number,
      );
    }
  };

  const move = (): void => {
    if (hotRows === 0) return;
    mover(hotRows);
    hotRows = 0;
  };

  return {
    load() {
      const series = db.prepare('SELECT * FROM series').all() as unknown as SeriesRow[];
      const last = db.prepare(
        'SELECT * FROM readings WHERE series = ? ORDER BY timestamp DESC LIMIT 1',
      );
      const highest = db.prepare(
        'SELECT max(id) AS id FROM (SELECT max(id) AS id FROM series UNION SELECT max(series) FROM removed)',
      );
      return {
        series,
        nextId: Number(highest.get()?.['id'] ?? 0) + 1,
        latest: series.flatMap(({ id }) => (last.get(id) as LatestRow | undefined) ?? []),
      };
    },
    commit({ series, readings }) {
      inTransaction(db, () => {
        for (const { id, device_id, sensor_id, measurement_type, unit, value_type } of series)
          putSeries.run(id, device_id, sensor_id, measurement_type, unit, value_type);
        insertReadings(readings);
      });
      hotRows += readings.series.length;
    },
    remove(series) {
      move();
      remover.remove(series);
    },
    sweep: () => remover.sweep(),
    expire(expiries) {
      move();
      return remover.expire(expiries);
    },
    move,
    hotRows: () => hotRows,
    count: () => Number(counted.get()?.['readings']) + hotRows,
    close,
  };
}

function createMover(db: DatabaseSync): (hotRows: number) => void {
  const sorted = 'SELECT * FROM hot ORDER BY series, timestamp, rowid';
  const addNew = db.prepare(`INSERT OR IGNORE INTO readings ${sorted}`);
  const overwrite = db.prepare(`INSERT OR REPLACE INTO readings ${sorted}`);
  const empty = db.prepare('DELETE FROM hot');
  const addCount = db.prepare('UPDATE counters SET readings = readings + ?');

  return (hotRows) =>
    inTransaction(db, () => {
      const added = Number(addNew.run().changes);
      addCount.run(added);
      // Readings that repeat a series and time are rare, so only they cost a second pass.
      if (added < hotRows) overwrite.run();
      empty.run();
    });
}

function createRemover(db: DatabaseSync): {
  remove(series: readonly number[]): void;
  sweep(): boolean;
  expire(expiries: readonly SeriesExpiry[]): boolean;
} {
  const forget = db.prepare('DELETE FROM series WHERE id = ?');
  const mark = db.prepare('INSERT OR IGNORE INTO removed VALUES (?)');
  const unmark = db.prepare('DELETE FROM removed WHERE series = ?');
  const pending = db.prepare('SELECT series FROM removed LIMIT 1');
  const subtract = db.prepare('UPDATE counters SET readings = readings - ?');
  const deletePart = db.prepare(`
    DELETE FROM readings WHERE series = :series AND timestamp < :before AND timestamp <= coalesce(
      (SELECT timestamp FROM readings WHERE series = :series ORDER BY timestamp LIMIT 1 OFFSET :rows - 1), :before)`);
  const deleteBefore = (series: number, before: number, rows: number): number => {
    const deleted = Number(deletePart.run({ series, before, rows }).changes);
    if (deleted > 0) subtract.run(deleted);
    return deleted;
  };

  return {
    remove: (series) =>
      inTransaction(db, () => {
        for (const id of series) {
          forget.run(id);
          mark.run(id);
        }
      }),
    sweep() {
      const series = pending.get()?.['series'];
      if (typeof series !== 'number') return false;
      inTransaction(db, () => {
        if (deleteBefore(series, endOfTime, sweepRows) < sweepRows) unmark.run(series);
      });
      return true;
    },
    expire(expiries) {
      let room = sweepRows;
      inTransaction(db, () => {
        for (const { series, before } of expiries) {
          room -= deleteBefore(series, before, room);
          if (room === 0) return;
        }
      });
      return room === 0;
    },
  };
}
