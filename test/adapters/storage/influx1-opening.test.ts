import assert from 'node:assert/strict';
import {
  createInflux1Database,
  type Influx1Settings,
} from '../../../nodes/adapters/storage/influx/influx1-database.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading } from '../../../nodes/core/telemetry/types.ts';
import { startHttpServer, type HttpServerUnderTest } from '../../support/http-exchange.ts';
import { startInfluxd, type Influxd } from '../../support/influxd.ts';

const day = 86_400_000;
const reading = (timestamp: number, more: Partial<Reading> = {}): Reading => ({
  ...{ device_id: 'd', measurement_type: 't', timestamp, value: 1 },
  ...more,
});
const forGood =
  (message: RegExp) =>
  (error: unknown): boolean =>
    !(error instanceof RemoteUnavailable) && message.test((error as Error).message);

describe('InfluxDB 1 being opened', function () {
  this.timeout(30_000);
  let server: Influxd | undefined;
  const opened: RemoteDatabase[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
    await server?.stop();
    server = undefined;
  });
  const connect = (url: string, more: Partial<Influx1Settings> = {}): RemoteDatabase => {
    const database = createInflux1Database({
      ...{ url, database: 'hub', username: '', password: '', timeoutMs: 10_000 },
      ...more,
    });
    opened.push(database);
    return database;
  };

  it('makes the database, whatever its name, and says which version it talks to', async function () {
    server = await startInfluxd(this);
    for (const name of ['hub', 'a b', 'it\'s "quoted"', 'ünï']) {
      const database = connect(server.url, { database: name });
      assert.deepEqual(await database.open(), []);
      assert.deepEqual(await database.open(), []);
      assert.deepEqual(await database.write([reading(1)]), { rejected: [] });
      assert.match(
        database.name(),
        /^InfluxDB 1\.\d+\.\d+.* at http:\/\/127\.0\.0\.1:\d+, database /,
      );
    }
    const [databases] = await server.query('SHOW DATABASES');
    assert.deepEqual(databases?.series?.[0]?.values.flat(), [
      'hub',
      'a b',
      'it\'s "quoted"',
      'ünï',
    ]);
  });

  it('makes a retention policy where the server makes none of itself', async function () {
    server = await startInfluxd(this, { config: { meta: ['retention-autocreate = false'] } });
    const database = connect(server.url);
    await database.open();
    assert.deepEqual(await database.write([reading(1)]), { rejected: [] });
    assert.equal((await database.open()).length, 1);
  });

  it('says that the password is wrong, and takes the right one', async function () {
    const admin = { username: 'root', password: `it's: "sécret\\` };
    server = await startInfluxd(this, { admin });
    for (const wrong of [{}, { ...admin, password: 'no' }, { ...admin, username: 'nobody' }])
      await assert.rejects(
        connect(server.url, wrong).open(),
        forGood(/refuses the user name or the password/),
      );
    const database = connect(server.url, admin);
    assert.deepEqual(await database.open(), []);
    assert.deepEqual(await database.write([reading(1)]), { rejected: [] });
  });

  it('says which statement an administrator has to run', async function () {
    const admin = { username: 'root', password: 'secret' };
    server = await startInfluxd(this, { admin });
    await server.query(`CREATE USER "hub" WITH PASSWORD 'pass'`);
    const hub = connect(server.url, { username: 'hub', password: 'pass' });
    await assert.rejects(
      hub.open(),
      forGood(/no database hub that hub may use, .* an administrator can: CREATE DATABASE "hub"/),
    );
    await server.query('CREATE DATABASE "hub"');
    await server.query('GRANT READ ON "hub" TO "hub"');
    assert.deepEqual(await hub.open(), []);
    for (const call of [
      () => hub.write([reading(1)]),
      () => hub.removeDevice('d'),
      () => hub.expire({ all: 1, by_type: {} }),
    ])
      await assert.rejects(call, forGood(/an administrator can: GRANT ALL ON "hub" TO "hub"/));
    await server.query('GRANT ALL ON "hub" TO "hub"');
    assert.deepEqual(await hub.write([reading(1)]), { rejected: [] });
    await hub.removeDevice('d');
    assert.doesNotMatch(hub.name(), /pass/);
    assert.deepEqual(await connect(server.url, { ...admin, database: 'another' }).open(), []);
  });

  it('says that the database is gone', async function () {
    server = await startInfluxd(this);
    const database = connect(server.url);
    await database.open();
    await server.query('DROP DATABASE "hub"');
    await assert.rejects(
      database.write([reading(1)]),
      forGood(/is not there .* check url and database/),
    );
    const series = { device_id: 'd', measurement_type: 't', value_type: 'number' } as const;
    await assert.rejects(
      database.readings(series, { start: 0, end: 9, limit: 1 }),
      forGood(/is not there .* check url and database/),
    );
    assert.deepEqual(await database.open(), []);
    assert.deepEqual(await database.write([reading(1)]), { rejected: [] });
  });

  it('refuses an address or a name that is none', () => {
    for (const url of ['', 'localhost:8086', 'ftp://host', 'http://user:secret@host'])
      assert.throws(() => connect(url), /url must/, url);
    assert.throws(() => connect('http://host', { database: '' }), /name of .* database is missing/);
  });

  it('lists every series with its newest reading, however long ago that was', async function () {
    server = await startInfluxd(this);
    const database = connect(server.url);
    await database.open();
    const now = Date.now();
    const ages = [-0.001, 0, 3, 20, 200, 3_000, 20_000];
    const readings = Array.from({ length: 250 }, (_, i) =>
      ages.map((age, sensor) =>
        reading(Math.round(now - age * day) - i, {
          ...{ device_id: `device ${i}`, value: i % 2 ? i : `text ${i}`, unit: 'x,y' },
          ...(sensor > 0 && { sensor_id: `sensor=${sensor}` }),
        }),
      ),
    ).flat();
    for (const older of [50, 0])
      assert.deepEqual(
        await database.write(
          readings.map((one) => ({ ...one, timestamp: one.timestamp - older * day })),
        ),
        { rejected: [] },
      );
    const found = await database.open();
    const key = (one: { device_id: string; sensor_id?: string }): string =>
      JSON.stringify([one.device_id, one.sensor_id]);
    assert.equal(found.length, readings.length);
    const byKey = new Map(found.map((series) => [key(series), series]));
    for (const one of readings) {
      const { timestamp, value, ...rest } = one;
      assert.deepEqual(byKey.get(key(one)), {
        ...rest,
        value_type: typeof value,
        latest: { timestamp, value, quality: 'good' },
      });
    }
  });
});

describe('InfluxDB 1 being opened at servers of other versions', () => {
  let server: HttpServerUnderTest;
  let version: string;
  const asked: string[] = [];
  beforeEach(async () => {
    asked.length = 0;
    server = await startHttpServer(({ path, body }) => {
      const headers = { 'x-influxdb-version': version };
      if (path === '/ping') return { status: 200, headers };
      if (path === '/write') return { status: 204 };
      const statement = new URLSearchParams(body).get('q') ?? '';
      asked.push(statement);
      return { status: 200, body: { results: [{ series: answerTo(statement) }] } };
    });
  });
  afterEach(() => server.close());
  const connect = (): RemoteDatabase =>
    createInflux1Database({
      ...{ url: `http://127.0.0.1:${server.port}`, database: 'hub', timeoutMs: 5_000 },
      ...{ username: 'any', password: 'token' },
    });
  const answerTo = (statement: string): unknown[] => {
    if (statement.startsWith('SHOW TAG VALUES'))
      return [{ name: 'm', columns: ['key', 'value'], values: [['device_id', 'd']] }];
    const tags = { device_id: 'd', measurement_type: 't', sensor_id: '' };
    return [{ name: 'm', tags, columns: ['time', 'number', 'quality'], values: [[5, 1.5, 'bad']] }];
  };

  it('refuses InfluxDB 2, which has a store of its own', async () => {
    version = 'v2.7.1';
    await assert.rejects(connect().open(), forGood(/is InfluxDB 2\.7\.1: choose the store for/));
  });

  it('takes InfluxDB 3 as it is: makes nothing, asks for no keys of series, and deletes nothing', async () => {
    version = '3.5.0';
    const database = connect();
    assert.deepEqual(await database.open(), [
      {
        ...{ device_id: 'd', measurement_type: 't', value_type: 'number' },
        latest: { timestamp: 5, value: 1.5, quality: 'bad' },
      },
    ]);
    assert.match(database.name(), /^InfluxDB 3\.5\.0 /);
    assert.doesNotMatch(asked.join('\n'), /CREATE|RETENTION|SHOW SERIES/);
    assert.deepEqual(await database.write([reading(1)]), { rejected: [] });
    for (const call of [
      () => database.removeDevice('d'),
      () => database.expire({ all: 1, by_type: {} }),
    ])
      await assert.rejects(call, forGood(/cannot delete readings .* retention period/));
    assert.doesNotMatch(asked.join('\n'), /DELETE|DROP/);
  });
});
