/** All tables are in a schema of their own. */
export const schema = 'llm_iot';
export const layoutVersion = 1;

/**
 * `layout` has one row: the version of all this, and how often devices were removed.
 * `series`: `sensor_id` is empty for the device's own series; the readings of removed ones are still being deleted.
 * `readings`: `timestamp` in milliseconds since the epoch; numbers, and booleans as 0 and 1, are in `number`, strings in
 * `text`; `quality` counts from good. The widest columns come first, so that no space is lost between them. `number` is
 * in the index too, because then the readings of a series lie next to each other there, though the table has them in
 * the order of arrival; that needs a vacuum now and then, also where nothing is ever deleted.
 */
export const createLayout = `
  CREATE TABLE ${schema}.layout (version integer NOT NULL, removals bigint NOT NULL);
  INSERT INTO ${schema}.layout VALUES (${layoutVersion}, 0);
  CREATE TABLE ${schema}.series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text COLLATE "C" NOT NULL,
    sensor_id text COLLATE "C" NOT NULL,
    measurement_type text COLLATE "C" NOT NULL,
    value_type text NOT NULL,
    unit text,
    removed boolean NOT NULL DEFAULT false
  );
  CREATE UNIQUE INDEX series_key ON ${schema}.series (device_id, sensor_id, measurement_type)
    WHERE NOT removed;
  CREATE TABLE ${schema}.readings (
    timestamp bigint NOT NULL,
    number double precision,
    series integer NOT NULL,
    quality smallint NOT NULL,
    text text,
    PRIMARY KEY (series, timestamp) INCLUDE (number)
  ) WITH (autovacuum_vacuum_insert_scale_factor = 0.02)`;

/** Advisory locks; the first number is the hub's own. */
const lockSpace = 0x6c6c6d74;
/** Taken by whoever makes the tables. */
export const lockLayout = `SELECT pg_advisory_xact_lock(${lockSpace}, 1)`;
/** Taken to remove series. */
export const lockSeries = `SELECT pg_advisory_xact_lock(${lockSpace}, 2)`;
/** Taken to write readings, by many at once: no series is removed meanwhile. */
export const shareSeries = `SELECT pg_advisory_xact_lock_shared(${lockSpace}, 2)`;

/** A table up to this size is counted; past it, it is as dense as PostgreSQL last found it. */
const countedBytes = 16_000_000;
/** Readings on a page of numbers. */
const usualDensity = 130;

export const countReadings = `
  SELECT CASE WHEN size < ${countedBytes} THEN (SELECT count(*) FROM ${schema}.readings)
    ELSE round(size / current_setting('block_size')::integer
      * CASE WHEN relpages > 0 THEN reltuples / relpages ELSE ${usualDensity} END) END AS count
  FROM pg_class, pg_relation_size(pg_class.oid) AS size
  WHERE pg_class.oid = '${schema}.readings'::regclass`;
