import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createPostgresDatabase } from '../../../nodes/adapters/storage/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../../nodes/adapters/storage/postgres/target.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading } from '../../../nodes/core/telemetry/types.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';

const reading = (timestamp: number, value = timestamp): Reading => ({
  ...{ device_id: 'd', measurement_type: 'n', timestamp, value },
});
const series = { device_id: 'd', measurement_type: 'n', value_type: 'number' } as const;
const unavailable = { name: 'RemoteUnavailable' };

describe('createPostgresDatabase, when the server fails', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let opened: RemoteDatabase[];
  let databases = 0;
  let name: string;

  before(async function () {
    server = await startPostgresServer(this);
  });
  after(() => server.stop());
  beforeEach(() => {
    opened = [];
    name = `hub${++databases}`;
  });
  afterEach(() => Promise.all(opened.map((one) => one.close())));

  const connect = (more: Partial<PostgresOptions> = {}): RemoteDatabase => {
    const { url, username, password } = server;
    const one = createPostgresDatabase({ url, database: name, username, password, ...more });
    opened.push(one);
    return one;
  };
  const open = async (more: Partial<PostgresOptions> = {}): Promise<RemoteDatabase> => {
    const database = connect(more);
    await database.open();
    return database;
  };
  const sql = (statement: string) => server.query(statement, name);
  const values = async (database: RemoteDatabase): Promise<unknown[]> =>
    (await database.readings(series, { start: 0, end: 1e9, limit: 100_000 })).map(
      ({ value }) => value,
    );
  /** What each write of readings shall do on the server. */
  const onWrite = async (action: string): Promise<void> => {
    await sql(`CREATE FUNCTION react() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN ${action}; RETURN NEW; END $$;
      CREATE TRIGGER react BEFORE INSERT ON llm_iot.readings FOR EACH ROW EXECUTE FUNCTION react()`);
  };

  it('loses nothing that was acknowledged when the server is killed in the middle of writes', async () => {
    const database = await open();
    let acknowledged = 0;
    for (let round = 0; round < 3; round++) {
      const enough = acknowledged + 2_000 + Math.floor(Math.random() * 3_000);
      const writing = (async () => {
        for (;;) {
          const batch = Array.from({ length: 50 }, (_, i) => reading(acknowledged + i));
          await database.write(batch);
          acknowledged += batch.length;
        }
      })();
      await Promise.race([
        until('enough is written', () => acknowledged >= enough, 30_000),
        writing,
      ]);
      const failed = assert.rejects(writing, unavailable);
      await server.kill();
      await failed;
      await assert.rejects(database.write([reading(0)]), unavailable);
      await assert.rejects(database.open(), unavailable);
      await server.restart();
      await database.open();
      const kept = await values(database);
      assert.deepEqual(
        kept.slice(0, acknowledged),
        Array.from({ length: acknowledged }, (_, i) => i),
      );
      assert.ok(kept.length <= acknowledged + 50);
    }
  });

  it('does without connections that an operator has ended', async () => {
    const database = await open();
    await database.write([reading(1)]);
    const application = (
      await sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'llm-iot-hub'")
    ).length;
    assert.ok(application > 0);
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
      AND application_name = 'llm-iot-hub'`);
    await until('it writes again', () =>
      database.write([reading(2)]).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof RemoteUnavailable);
          return false;
        },
      ),
    );
    assert.deepEqual(await values(database), [1, 2]);
  });

  it('reports a write whose connection is ended under way', async () => {
    const database = await open();
    await onWrite('PERFORM pg_sleep(30)');
    const failed = assert.rejects(database.write([reading(1)]), unavailable);
    await until(
      'the write is under way',
      async () =>
        (
          await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE wait_event = 'PgSleep'`)
        ).length > 0,
    );
    await failed;
    assert.deepEqual(await values(database), []);
  });

  for (const [condition, code] of [
    ['a full disk', '53100'],
    ['no memory', '53200'],
    ['a conflict with others', '40001'],
    ['a deadlock', '40P01'],
    ['a disk that cannot be read', '58030'],
    ['a server that is shut down', '57P01'],
  ] as const)
    it(`takes ${condition} as passing, and stores the readings once it has passed`, async () => {
      const database = await open();
      await onWrite(`RAISE EXCEPTION 'trouble' USING ERRCODE = '${code}'`);
      await assert.rejects(database.write([reading(1), reading(2)]), {
        ...unavailable,
        message: /trouble/,
      });
      await sql('DROP TRIGGER react ON llm_iot.readings');
      assert.deepEqual(await database.write([reading(1), reading(2)]), { rejected: [] });
      assert.deepEqual(await values(database), [1, 2]);
    });

  it('takes too many connections as passing', async () => {
    await open();
    await server.query("CREATE ROLE single LOGIN SUPERUSER CONNECTION LIMIT 0 PASSWORD 'single'");
    await server.query('ALTER ROLE single NOSUPERUSER');
    const other = connect({ username: 'single', password: 'single' });
    await assert.rejects(other.open(), { ...unavailable, message: /too many connections/ });
  });

  it('gives a statement up when its time is over, and so does the server', async () => {
    const database = await open({ timeoutMs: 300 });
    await onWrite('PERFORM pg_sleep(60)');
    await assert.rejects(database.write([reading(1)]), { ...unavailable, message: /timeout/ });
    const sleeping = await sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    assert.equal(sleeping.length, 0);
    await sql('DROP TRIGGER react ON llm_iot.readings');
    await database.write([reading(2)]);
    assert.deepEqual(await values(database), [2]);
  });

  it('gives up when another session does not let go of the table', async () => {
    const database = await open({ timeoutMs: 300 });
    const locking = sql(`BEGIN; LOCK TABLE llm_iot.readings; SELECT pg_sleep(2); COMMIT`);
    await until('the table is locked', async () => {
      const locks = await sql(
        "SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted",
      );
      return locks.length > 0;
    });
    await assert.rejects(database.write([reading(1)]), unavailable);
    await locking;
    await database.write([reading(1)]);
  });

  it('lets no write that it gave up overwrite what was written later', async () => {
    const database = await open({ timeoutMs: 300 });
    await database.write([reading(1, 0)]);
    server.pause();
    try {
      await assert.rejects(database.write([reading(1, 1)]), unavailable);
    } finally {
      server.resume();
    }
    await until('it writes again', () =>
      database.write([reading(1, 2)]).then(
        () => true,
        () => false,
      ),
    );
    await until('the sessions that were given up are gone', async () => {
      const sessions = await sql(
        "SELECT FROM pg_stat_activity WHERE state = 'active' OR state LIKE 'idle in%'",
      );
      return sessions.length === 1;
    });
    assert.deepEqual(await values(database), [2]);
  });

  it('waits for another hub that writes the same readings in another order', async () => {
    const hubs = [await open(), await open()];
    const all = Array.from({ length: 500 }, (_, i) => ({
      ...reading(i % 50),
      measurement_type: `m${i % 7}`,
    }));
    for (let round = 0; round < 20; round++)
      await Promise.all(hubs.map((hub, i) => hub.write(i === 0 ? all : all.toReversed())));
    assert.equal(await hubs[0]?.count(), 350);
  });

  it('goes on writing while questions take long, and ends them when it is closed', async () => {
    const database = await open({ timeoutMs: 600_000 });
    await database.write([reading(1)]);
    await sql(`ALTER TABLE llm_iot.series RENAME TO hidden;
      CREATE VIEW llm_iot.series AS SELECT hidden.* FROM llm_iot.hidden, pg_sleep(60)`);
    const questions = Promise.allSettled(Array.from({ length: 10 }, () => values(database)));
    await until(
      'questions wait',
      async () =>
        (await sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 1,
    );
    assert.deepEqual(await database.write([reading(2)]), { rejected: [] });
    await database.close();
    for (const { status } of await questions) assert.equal(status, 'rejected');
  });

  it('ends what is under way when it is closed, and refuses what comes later', async () => {
    const database = await open();
    await onWrite('PERFORM pg_sleep(60)');
    const failed = assert.rejects(database.write([reading(1)]), /closed/);
    await until(
      'the write is under way',
      async () =>
        (await sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 0,
    );
    await database.close();
    await failed;
    await assert.rejects(database.write([reading(2)]), /closed/);
  });

  describe('with a server that is none', () => {
    let impostor: Server;
    let sockets: Socket[];
    const listen = async (answer: (socket: Socket) => void): Promise<string> => {
      sockets = [];
      impostor = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => undefined);
        answer(socket);
      }).listen(0, '127.0.0.1');
      await once(impostor, 'listening');
      return `postgres://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    };
    afterEach(async () => {
      for (const socket of sockets) socket.destroy();
      impostor.close();
      await once(impostor, 'close');
    });

    it('gives up one that never answers', async () => {
      const url = await listen(() => undefined);
      await assert.rejects(connect({ url, timeoutMs: 200 }).open(), unavailable);
    });

    it('stops trying one that never answers when it is closed', async () => {
      const url = await listen(() => undefined);
      const database = connect({ url });
      const failed = assert.rejects(database.open(), /closed/);
      await until('it has connected', () => sockets.length > 0);
      await database.close();
      await failed;
    });

    for (const [what, answer] of [
      ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
      ['sends rubbish', '\u0000\u0001\u0002\u0003'.repeat(1_000)],
      ['says nothing', ''],
    ] as const)
      it(`gives up one that ${what} and hangs up`, async () => {
        const url = await listen((socket) => socket.end(answer));
        await assert.rejects(connect({ url, timeoutMs: 2_000 }).open(), unavailable);
      });

    it('reports one that nobody listens for', async () => {
      const url = await listen(() => undefined);
      impostor.close();
      await assert.rejects(connect({ url, timeoutMs: 2_000 }).open(), {
        ...unavailable,
        message: /ECONNREFUSED/,
      });
      await listen(() => undefined);
    });
  });
});
