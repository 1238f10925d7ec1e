import type { FileKind } from '../open-database.ts';

/**
 * `hot` takes readings in the order they come, without an index; the mover brings them sorted into `readings`. So
 * within one series and time, hot rows are newer than `readings`, and a later hot row than an earlier one.
 * Numbers, and booleans as 0 and 1, are in `number`; strings in `text`. `quality` counts from good.
 * `removed` holds series whose readings are still being deleted; `counters` has one row.
 */
export const telemetryFile: FileKind = {
  applicationId: 0x6c6c6d74,
  version: 1,
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
    CREATE TABLE hot (
      series INTEGER NOT NULL,
      timestamp INTEGER NOT NULL,
      number REAL,
      text TEXT,
      quality INTEGER NOT NULL
    );
    CREATE TABLE removed (series INTEGER PRIMARY KEY);
    CREATE TABLE counters (readings INTEGER NOT NULL);
    INSERT INTO counters VALUES (0)`,
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
