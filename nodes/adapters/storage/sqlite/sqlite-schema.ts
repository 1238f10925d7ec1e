import type { FileKind } from '../open-database.ts';

const rollupColumns = `
      count INTEGER NOT NULL,
      sum REAL,
      lost REAL,
      squares REAL,
      least REAL,
      most REAL,
      middle REAL,
      first REAL,
      last REAL`;

const hot = `
    CREATE TABLE hot (
      number INTEGER PRIMARY KEY,
      readings BLOB NOT NULL
    )`;

const rollups = `
    CREATE TABLE hourly (
      series INTEGER NOT NULL,
      slot INTEGER NOT NULL,${rollupColumns},
      PRIMARY KEY (series, slot)
    ) WITHOUT ROWID;
    CREATE TABLE hourly_values (
      series INTEGER NOT NULL,
      slot INTEGER NOT NULL,
      sorted BLOB NOT NULL,
      PRIMARY KEY (series, slot)
    ) WITHOUT ROWID;
    CREATE TABLE daily (
      series INTEGER NOT NULL,
      slot INTEGER NOT NULL,${rollupColumns},
      PRIMARY KEY (series, slot)
    ) WITHOUT ROWID;
    CREATE TABLE stale (
      series INTEGER NOT NULL,
      hour INTEGER NOT NULL,
      through INTEGER NOT NULL,
      PRIMARY KEY (series, hour)
    ) WITHOUT ROWID`;

/** All hours of all series wait for their rollups; one more on each side, because division cuts towards zero. */
export const markAllStale = `
    INSERT INTO stale SELECT id,
      (SELECT min(timestamp) FROM readings WHERE series = id) / 3600000 - 1,
      (SELECT max(timestamp) FROM readings WHERE series = id) / 3600000 + 1
    FROM series WHERE EXISTS (SELECT 1 FROM readings WHERE series = id)`;

/**
 * `hot` takes each commit as one packed body, numbered in the order they come; the mover brings their readings sorted
 * into `readings` and then deletes the bodies. So within one series and time, hot readings are newer than `readings`,
 * and a later commit than an earlier one. Numbers, and booleans as 0 and 1, are in `number`; strings in `text`.
 * `quality` counts from good.
 *
 * `hourly` and `daily` hold rollups of whole UTC hours and days, `slot` counting them since the epoch; `hourly_values`
 * the values of an hour in ascending order. A rollup that is there is true to `readings`: whatever changes readings of
 * an hour deletes its rollups in the same transaction. `stale` names the hours (from `hour` to `through`) whose rollups
 * are to be made; the newest hour of a series is not among them.
 *
 * `removed` holds series whose readings are still being deleted; `counters` has one row.
 */
export const telemetryFile: FileKind = {
  applicationId: 0x6c6c6d74,
  version: 2,
  layout: `
    CREATE TABLE series (
      id INTEGER PRIMARY KEY,
      device_id TEXT NOT NULL,
      sensor_id TEXT NOT NULL,
      measurement_type TEXT NOT NULL,
      unit TEXT,
      value_type TEXT NOT NULL,
      UNIQUE (device_id, sensor_id, measurement_type)
    );
    CREATE TABLE readings (
      series INTEGER NOT NULL,
      timestamp INTEGER NOT NULL,
      number REAL,
      text TEXT,
      quality INTEGER NOT NULL,
      PRIMARY KEY (series, timestamp)
    ) WITHOUT ROWID;
    ${hot};
    ${rollups};
    CREATE TABLE removed (series INTEGER PRIMARY KEY);
    CREATE TABLE counters (readings INTEGER NOT NULL);
    INSERT INTO counters VALUES (0)`,
  migrations: {
    1: `
    UPDATE counters SET readings = readings + (
      SELECT count(*) FROM (SELECT DISTINCT series, timestamp FROM hot) AS new
      WHERE NOT EXISTS (SELECT 1 FROM readings WHERE series = new.series AND timestamp = new.timestamp));
    INSERT OR REPLACE INTO readings SELECT * FROM hot ORDER BY series, timestamp, rowid;
    DROP TABLE hot;
    ${hot};
    ${rollups};
    ${markAllStale}`,
  },
};

/** A row of `series`; `sensor_id` is empty for the device's own series. */
export interface SeriesRow {
  id: number;
  device_id: string;
  sensor_id: string;
  measurement_type: string;
  unit: string | null;
  value_type: string;
}

/** The newest reading of a series. */
export interface LatestRow {
  series: number;
  timestamp: number;
  number: number | null;
  text: string | null;
  quality: number;
}
