import type { FileKind } from '../open-database.ts';

/**
 * `entries` holds what waits for the database elsewhere in the order it came: readings as one packed body with the
 * first and last of their times, or a change as JSON (`readings` is 0), and the body's CRC-32; `damaged` has entries in
 * which that is wrong. `series` is the index of series with the newest
 * reading of each as JSON; a removed one stays while entries may name it, and `refusal` says why the database cannot
 * take its readings. `counters` has one row: readings refused in all, and the last entry whose readings `series` knows.
 */
export const spoolFile: FileKind = {
  applicationId: 0x6c6c6d73,
  version: 1,
  layout: `
    PRAGMA auto_vacuum = INCREMENTAL;
    CREATE TABLE entries (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      arrived INTEGER NOT NULL,
      readings INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      first INTEGER,
      last INTEGER,
      crc INTEGER NOT NULL,
      body BLOB NOT NULL
    );
    CREATE TABLE damaged AS SELECT * FROM entries;
    CREATE TABLE series (
      id INTEGER PRIMARY KEY,
      device_id TEXT NOT NULL,
      sensor_id TEXT NOT NULL,
      measurement_type TEXT NOT NULL,
      unit TEXT,
      value_type TEXT NOT NULL,
      latest TEXT,
      removed INTEGER NOT NULL,
      refusal TEXT
    );
    CREATE TABLE refused (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      reading TEXT NOT NULL,
      reason TEXT NOT NULL
    );
    CREATE TABLE counters (refused INTEGER NOT NULL, indexed_to INTEGER NOT NULL);
    INSERT INTO counters VALUES (0, 0)`,
};
