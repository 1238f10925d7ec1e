import assert from 'node:assert/strict';
import { createPostgresDatabase } from '../../../nodes/adapters/storage/postgres/postgres-database.ts';
import type { RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';

const week = 7 * 86_400_000;

/**
 * Stands in for the extension, which Debian does not have: the functions the hub calls, with the names and parameters
 * of its documentation. They note their calls; `drop_chunks` deletes whole weeks as the real one does.
 */
const standIn = `
  CREATE SCHEMA "Time Scale";
  INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (99999, 'timescaledb', 10, '"Time Scale"'::regnamespace, false, '2.17.2');
  CREATE TABLE "Time Scale".calls (call text);
  CREATE SCHEMA timescaledb_information;
  CREATE TABLE timescaledb_information.hypertables (hypertable_schema name, hypertable_name name);
  CREATE FUNCTION "Time Scale".create_hypertable(
    relation regclass, time_column_name name, partitioning_column name = NULL,
    number_partitions integer = NULL, associated_schema_name name = NULL,
    associated_table_prefix name = NULL, chunk_time_interval anyelement = NULL::bigint,
    create_default_indexes boolean = true, if_not_exists boolean = false
  ) RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean)
  LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO "Time Scale".calls VALUES
      (concat_ws(' ', 'create', relation, time_column_name, chunk_time_interval, create_default_indexes));
    INSERT INTO timescaledb_information.hypertables VALUES ('llm_iot', 'readings');
    RETURN QUERY SELECT 1, 'llm_iot'::name, 'readings'::name, true;
  END $$;
  CREATE FUNCTION "Time Scale".drop_chunks(relation regclass, older_than bigint = NULL) RETURNS SETOF text
  LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO "Time Scale".calls VALUES (concat_ws(' ', 'drop', relation, older_than));
    DELETE FROM llm_iot.readings WHERE timestamp / ${week} < older_than / ${week};
  END $$;
  CREATE FUNCTION "Time Scale".approximate_row_count(relation regclass) RETURNS bigint
  LANGUAGE sql AS $$ SELECT 4711::bigint $$`;

describe('createPostgresDatabase with TimescaleDB', function () {
  this.timeout(30_000);
  let server: PostgresServer;
  let opened: RemoteDatabase[];
  let databases = 0;
  let name: string;

  before(async function () {
    server = await startPostgresServer(this);
  });
  after(() => server.stop());
  beforeEach(async () => {
    opened = [];
    name = `hub${++databases}`;
    await server.query(`CREATE DATABASE ${name}`);
  });
  afterEach(() => Promise.all(opened.map((one) => one.close())));

  const open = async (): Promise<RemoteDatabase> => {
    const { url, username, password } = server;
    const one = createPostgresDatabase({ url, database: name, username, password });
    opened.push(one);
    await one.open();
    return one;
  };
  const calls = async () =>
    (await server.query('SELECT call FROM "Time Scale".calls', name)).map(({ call }) => call);
  const reading = (timestamp: number, measurement_type = 'a') => ({
    ...{ device_id: 'd', measurement_type, timestamp, value: 1 },
  });
  const left = async (database: RemoteDatabase, measurement_type: string): Promise<number[]> => {
    const points = await database.readings(
      { device_id: 'd', measurement_type, value_type: 'number' },
      { start: 0, end: 100 * week, limit: 1_000 },
    );
    return points.map(({ timestamp }) => timestamp);
  };

  it('makes the readings a hypertable of weeks once, and says so in its name', async () => {
    await server.query(standIn, name);
    const database = await open();
    assert.match(database.name(), /^PostgreSQL \S+ .*with TimescaleDB 2\.17\.2 at 127\.0\.0\.1/);
    assert.equal((await open()).name(), database.name());
    assert.deepEqual(await calls(), [`create llm_iot.readings timestamp ${week} f`]);
  });

  it('drops the chunks that are too old for every measurement type, and deletes the rest', async () => {
    await server.query(standIn, name);
    const database = await open();
    const times = [1, week + 1, 2 * week + 1, 3 * week + 1];
    await database.write([...times.map((t) => reading(t)), ...times.map((t) => reading(t, 'b'))]);
    await database.expire({ all: 3 * week, by_type: { b: week + 10 } });
    assert.equal((await calls()).at(-1), `drop llm_iot.readings ${week + 10}`);
    assert.deepEqual(await left(database, 'a'), [3 * week + 1]);
    assert.deepEqual(await left(database, 'b'), [2 * week + 1, 3 * week + 1]);
  });

  it('drops no chunk while something is kept for ever', async () => {
    await server.query(standIn, name);
    const database = await open();
    await database.write([reading(1), reading(1, 'b')]);
    await database.expire({ by_type: { a: week } });
    assert.equal((await calls()).length, 1);
    assert.deepEqual([await left(database, 'a'), await left(database, 'b')], [[], [1]]);
  });

  it('estimates its readings from all chunks', async () => {
    await server.query(standIn, name);
    assert.equal(await (await open()).count(), 4711);
  });

  it('leaves a table as it is that was made before the extension', async () => {
    await (await open()).write([reading(1)]);
    await server.query(standIn, name);
    const database = await open();
    await database.expire({ all: week, by_type: {} });
    assert.deepEqual(await calls(), []);
    assert.deepEqual(await left(database, 'a'), []);
    assert.equal(await database.count(), 0);
  });
});
