import assert from 'node:assert/strict';
import { createPostgresDatabase } from '../../../nodes/adapters/storage/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../../nodes/adapters/storage/postgres/target.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';

const reading = { device_id: 'd', measurement_type: 'temperature', timestamp: 1, value: 20 };

describe('createPostgresDatabase, when it is opened', function () {
  this.timeout(30_000);
  let server: PostgresServer;
  let opened: RemoteDatabase[];
  let databases = 0;
  let name: string;

  before(async function () {
    server = await startPostgresServer(this);
    await server.query("CREATE ROLE plain LOGIN PASSWORD 'plain'");
    await server.query("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker'");
  });
  after(() => server.stop());
  beforeEach(() => {
    opened = [];
    name = `it's "hub" ${++databases}`;
  });
  afterEach(() => Promise.all(opened.map((one) => one.close())));

  const connect = (more: Partial<PostgresOptions> = {}): RemoteDatabase => {
    const { url, username, password } = server;
    const one = createPostgresDatabase({ url, database: name, username, password, ...more });
    opened.push(one);
    return one;
  };
  const as = (username: string) => ({ username, password: username });
  const createDatabase = (more = '') =>
    server.query(`CREATE DATABASE "${name.replaceAll('"', '""')}" ${more}`);
  const permanent = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Error && !(error instanceof RemoteUnavailable));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  };

  it('makes database and tables where they are missing, and takes them as they are afterwards', async () => {
    const first = connect(as('maker'));
    assert.deepEqual(await first.open(), []);
    await first.write([reading]);
    assert.equal((await connect(as('maker')).open()).length, 1);
    assert.equal((await first.open()).length, 1);
  });

  it('makes a database in UTF-8 also where the usual template has another encoding', async () => {
    const replaceTemplate = async (encoding: string): Promise<void> => {
      await server.query(
        "UPDATE pg_database SET datistemplate = false WHERE datname = 'template1'",
      );
      await server.query('DROP DATABASE template1');
      await server.query(
        `CREATE DATABASE template1 ENCODING '${encoding}' TEMPLATE template0 IS_TEMPLATE true`,
      );
    };
    await replaceTemplate('LATIN1');
    try {
      await connect().open();
      const rows = await server.query('SHOW server_encoding', name);
      assert.deepEqual(rows, [{ server_encoding: 'UTF8' }]);
    } finally {
      await replaceTemplate('UTF8');
    }
  });

  it('says that the database is missing and may not be made, and how to change that', async () => {
    await assert.rejects(
      connect(as('plain')).open(),
      permanent(/does not exist, and plain could not make it .*permission denied.* CREATEDB/),
    );
  });

  it('says so too where the database is gone by which others are made', async () => {
    await server.query('ALTER DATABASE postgres RENAME TO mislaid', 'template1');
    try {
      await assert.rejects(
        connect(as('maker')).open(),
        permanent(/could not make it .*"postgres" does not exist/),
      );
    } finally {
      await server.query('ALTER DATABASE mislaid RENAME TO postgres', 'template1');
    }
  });

  it('says that the user may not make tables, and how to change that', async () => {
    await createDatabase();
    await assert.rejects(connect(as('plain')).open(), permanent(/plain may not .* GRANT CREATE/));
  });

  it('needs no right to make tables where somebody else has made them', async () => {
    await connect().open();
    await server.query('GRANT USAGE ON SCHEMA llm_iot TO plain', name);
    await server.query(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA llm_iot TO plain',
      name,
    );
    const other = connect(as('plain'));
    await other.open();
    assert.deepEqual(await other.write([reading]), { rejected: [] });
  });

  it('refuses a user who may only read, and says which rights are missing', async () => {
    await connect().open();
    await server.query('GRANT USAGE ON SCHEMA llm_iot TO plain', name);
    await server.query('GRANT SELECT ON ALL TABLES IN SCHEMA llm_iot TO plain', name);
    await assert.rejects(
      connect(as('plain')).open(),
      permanent(/plain may not .*INSERT llm_iot\.readings.*GRANT SELECT, INSERT/),
    );
  });

  it('says that a right was taken away later', async () => {
    const database = connect();
    await database.open();
    await server.query("CREATE ROLE late LOGIN PASSWORD 'late'");
    await server.query('GRANT USAGE ON SCHEMA llm_iot TO late', name);
    await server.query(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA llm_iot TO late',
      name,
    );
    const other = connect(as('late'));
    await other.open();
    await server.query('REVOKE INSERT ON llm_iot.readings FROM late', name);
    await assert.rejects(other.write([reading]), permanent(/permission denied.*readings.*late/));
  });

  it('writes for a user whose transactions only read unless told otherwise', async () => {
    await createDatabase();
    await server.query(
      `ALTER DATABASE "${name.replaceAll('"', '""')}" SET default_transaction_read_only = on`,
    );
    const database = connect();
    await database.open();
    assert.deepEqual(await database.write([reading]), { rejected: [] });
  });

  for (const [what, wrong] of [
    ['a wrong password', { password: 'wrong' }],
    ['no password', { password: '' }],
    ['an unknown user', { username: 'nobody' }],
  ] as const)
    it(`says that it is not let in with ${what}, and repeats no password`, async () => {
      await createDatabase();
      await assert.rejects(connect(wrong).open(), permanent(/password/));
    });

  it('lets two hubs open a database that neither has made', async () => {
    const hubs = Array.from({ length: 6 }, () => connect());
    await Promise.all(hubs.map((hub) => hub.open()));
    await Promise.all(
      hubs.map((hub, i) =>
        hub.write([
          { ...reading, timestamp: i },
          { ...reading, timestamp: 99 },
        ]),
      ),
    );
    assert.equal(await hubs[0]?.count(), 7);
  });

  it('refuses tables of another version', async () => {
    await connect().open();
    await server.query('UPDATE llm_iot.layout SET version = 99', name);
    await assert.rejects(connect().open(), permanent(/layout version 99/));
  });

  it('refuses a database that cannot hold every text', async () => {
    await createDatabase("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    await assert.rejects(connect().open(), permanent(/encoding LATIN1.*UTF8/));
  });

  it('makes a database again that was dropped, once it is opened again', async () => {
    const database = connect();
    await database.open();
    await database.write([reading]);
    await server.query(`DROP DATABASE "${name.replaceAll('"', '""')}" WITH (FORCE)`);
    await assert.rejects(database.write([reading]), RemoteUnavailable);
    assert.deepEqual(await database.open(), []);
    await database.write([reading]);
    assert.equal(await database.count(), 1);
  });

  it('refuses an address that makes no sense', () => {
    for (const url of [
      '',
      'localhost:5432',
      'http://localhost',
      'postgres://',
      'postgres://h?sslmode=maybe',
    ])
      assert.throws(() => connect({ url }), /postgres:\/\/host:5432|sslmode/, url);
    assert.throws(() => connect({ database: '' }), /database/);
  });

  it('takes names and database from the address where they are not given', async () => {
    const url = new URL(server.url);
    Object.assign(url, { ...as('maker'), pathname: `/${encodeURIComponent(name)}` });
    const database = createPostgresDatabase({ url: url.href, database: '' });
    opened.push(database);
    await database.open();
    assert.match(database.name(), /"hub"/);
    assert.doesNotMatch(database.name(), /maker/);
  });

  it('says that the server offers no TLS where the address asks for it', async () => {
    const { href } = new URL('?sslmode=require', server.url);
    await assert.rejects(connect({ url: href }).open(), permanent(/SSL/));
  });
});
