import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { createCallGuard } from '../../../nodes/adapters/storage/influx/influx3-call-guard.ts';
import { createInflux3Database } from '../../../nodes/adapters/storage/influx/influx3-database.ts';
import type { SeriesInfo } from '../../../nodes/core/telemetry/ports.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import { freePort } from '../../support/free-port.ts';
import { arrowMessages } from '../../support/influx3-server/arrow-stream.ts';
import {
  startInflux3Server,
  type Influx3Server,
} from '../../support/influx3-server/influx3-server.ts';
import { until } from '../../support/until.ts';

const minute = 60_000;
const table = 'llm_iot_readings';
const series: SeriesInfo = { device_id: 'd', measurement_type: 't', value_type: 'number' };
const range = { start: 0, end: 1e15, limit: 100 };
const reading = (timestamp: number, value: ReadingValue, more: Partial<Reading> = {}): Reading => ({
  ...{ device_id: 'd', measurement_type: 't', timestamp, value },
  ...more,
});
const numbers = (length: number) => ({
  columns: [
    { name: 'time', type: 'timestamp' as const, field: 'timestamp' as const },
    { name: 'value', type: 'float64' as const, field: 'float64' as const },
  ],
  rows: Array.from({ length }, (_, i) => [BigInt(i) * 1_000_000n, i]),
});

describe('InfluxDB 3 when something is wrong', () => {
  let server: Influx3Server;
  const opened: RemoteDatabase[] = [];
  beforeEach(async () => {
    server = await startInflux3Server();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
    await server.close();
  });

  const connect = (more: Partial<Parameters<typeof createInflux3Database>[0]> = {}) => {
    const database = createInflux3Database({
      ...{ url: server.url, database: 'hub', token: 'all', timeoutMs: 5_000 },
      ...more,
    });
    opened.push(database);
    return database;
  };
  const ready = async (more: Partial<Parameters<typeof createInflux3Database>[0]> = {}) => {
    const database = connect(more);
    await database.open();
    return database;
  };
  const everyCall = (database: RemoteDatabase): Record<string, () => Promise<unknown>> => ({
    open: () => database.open(),
    write: () => database.write([reading(1, 1)]),
    readings: () => database.readings(series, range),
    aggregate: () =>
      database.aggregate(series, 'avg', { start: 0, end: 9, width: 3, origin: 0, limit: 5 }),
    removeDevice: () => database.removeDevice('d'),
    expire: () => database.expire({ all: 1, by_type: {} }),
  });
  const writes = () => server.requests.filter(({ path }) => path === '/api/v3/write_lp');
  const rows = (columns: string) =>
    server.catalog.query('hub', `SELECT ${columns} FROM ${table}`, {}).rows;
  const forGood =
    (message: RegExp) =>
    (error: unknown): boolean =>
      !(error instanceof RemoteUnavailable) && message.test((error as Error).message);

  it('makes the database and the table once, and says which product it talks to', async () => {
    const database = await ready();
    await database.open();
    assert.deepEqual(server.catalog.databases(), ['hub']);
    assert.equal(database.name(), `InfluxDB 3 Core 3.11.2 at ${server.url}, database hub`);
  });

  it('says what to change when the token is unknown, or the database may not be made', async () => {
    server.tokens.set('limited', { admin: false, databases: ['mine'] });
    await assert.rejects(connect({ token: 'x' }).open(), forGood(/does not know the token/));
    await assert.rejects(connect({ token: '' }).open(), forGood(/does not know the token/));
    await assert.rejects(
      connect({ token: 'limited' }).open(),
      forGood(/does not let the token in/),
    );
    const database = connect({ token: 'limited', database: 'mine' });
    await assert.rejects(database.open(), forGood(/has no such database; make it/));
    await connect({ database: 'mine' }).open();
    assert.deepEqual(await database.open(), []);
    assert.deepEqual(await database.write([reading(1, 1)]), { rejected: [] });
    await assert.rejects(connect({ database: 'a b' }).open(), forGood(/invalid database name/));
  });

  it('refuses a server of another version, and an address that is none', async () => {
    const other = await startInflux3Server('2.7.12');
    try {
      await assert.rejects(connect({ url: other.url }).open(), forGood(/is InfluxDB 2\.7\.12/));
    } finally {
      await other.close();
    }
    for (const url of ['', 'house', 'grpc://house', 'http://me:secret@house', 'http://house/path'])
      assert.throws(() => connect({ url }), /url/);
  });

  it('is unavailable when nobody listens, and when the server is busy or failing', async () => {
    const database = await ready();
    await database.write([reading(1, 1)]);
    for (const code of [
      status.UNAVAILABLE,
      status.RESOURCE_EXHAUSTED,
      status.INTERNAL,
      status.ABORTED,
    ])
      for (const http of [429, 500, 503]) {
        server.intercept = () => ({ status: http, body: 'not now' });
        server.interceptQuestion = () => ({ code, message: 'not now' });
        for (const [name, call] of Object.entries(everyCall(database)))
          await assert.rejects(call(), RemoteUnavailable, name);
      }
    const nobody = connect({ url: `http://127.0.0.1:${await freePort()}` });
    for (const [name, call] of Object.entries(everyCall(nobody)))
      if (name !== 'removeDevice') await assert.rejects(call(), /does not answer: .*ECONNREFUSED/);
  });

  it('finds a server that is back', async () => {
    const database = await ready();
    const { port } = new URL(server.url);
    await server.close();
    await assert.rejects(database.readings(series, range), RemoteUnavailable);
    server = await startInflux3Server('3.11.2', Number(port));
    await until(
      'it is found',
      async () => (await database.open().catch(() => undefined)) !== undefined,
    );
    assert.deepEqual(await database.readings(series, range), []);
  });

  it('gives up a server that hangs, and ends the request', async () => {
    const database = await ready({ timeoutMs: 150 });
    await database.write([reading(1, 1)]);
    server.intercept = () => 'silence';
    server.interceptQuestion = () => 'silence';
    const calls = Object.entries(everyCall(database));
    for (const [name, call] of calls)
      await assert.rejects(call(), /has not answered within 150 ms/, name);
    await until('the requests are ended', () => server.abandoned() >= calls.length);
  });

  it('gives up an answer that does not go on', async () => {
    const database = await ready({ timeoutMs: 150 });
    server.interceptQuestion = () => ({ messages: arrowMessages(numbers(3)), endless: true });
    await assert.rejects(database.readings(series, range), RemoteUnavailable);
    await until('the question is ended', () => server.abandoned() >= 1);
  });

  it('ends what is under way when it is closed', async () => {
    const database = await ready();
    server.intercept = () => 'silence';
    server.interceptQuestion = () => 'silence';
    const calls = [
      assert.rejects(database.readings(series, range), /closed/),
      assert.rejects(database.write([reading(1, 1)]), /closed/),
    ];
    await until('both are there', () => writes().length === 1 && server.questions.length === 2);
    await database.close();
    await Promise.all(calls);
    await until('both are ended', () => server.abandoned() >= 2);
    await assert.rejects(database.readings(series, range), /closed/);
    await assert.rejects(database.write([reading(1, 1)]), /closed/);
  });

  it('names the points a partial write left out, in one request', async () => {
    server.catalog.makeTable('hub', table, new Map([['text', 'float64']]));
    server.catalog.makeDatabase('hub');
    const database = connect();
    const readings = [1, 2, 3].flatMap((time) => [
      reading(time, time),
      reading(time, 'text', { measurement_type: 'said' }),
    ]);
    const { rejected } = await database.write([...readings, reading(NaN, 1)]);
    assert.deepEqual(rejected.map(({ index }) => index).sort(), [1, 3, 5, 6]);
    assert.match(
      rejected.find(({ index }) => index === 1)!.reason,
      /invalid column type for column 'text', expected iox::column_type::float64/,
    );
    assert.equal(rows('number').length, 3);
    assert.equal(writes().length, 1);
  });

  it('sends less at once where the server takes no more', async () => {
    const database = await ready();
    server.intercept = ({ path, body }) =>
      path === '/api/v3/write_lp' && body.length > 1_000
        ? { status: 413, body: 'max request size (1000 bytes) exceeded' }
        : undefined;
    const all = Array.from({ length: 50 }, (_, i) => reading(i, i));
    const long = reading(99, 'x'.repeat(1_000), { measurement_type: 'said' });
    const { rejected } = await database.write([...all, long]);
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [50],
    );
    assert.equal((await database.readings(series, range)).length, 50);
  });

  it('rejects no reading for a refusal that is not about points', async () => {
    const database = await ready();
    for (const answer of [
      { status: 400, body: 'serde error: unknown variant' },
      { status: 400, body: { error: 'x', data: [{ line_number: 7, error_message: 'no' }] } },
      { status: 400, body: { error: 'x', data: [] } },
      { status: 403, body: 'access denied' },
      { status: 422, body: 'limit of tables' },
    ]) {
      server.intercept = () => answer;
      await assert.rejects(
        database.write([reading(1, 1), reading(2, 2)]),
        forGood(/InfluxDB 3 Core/),
      );
    }
    assert.equal(writes().length, 5);
  });

  it('says when a question fails after its answer has begun, or has no answer', async () => {
    const database = await ready();
    const messages = arrowMessages(numbers(3));
    server.interceptQuestion = () => ({
      messages,
      failure: { code: status.INVALID_ARGUMENT, message: 'no such thing' },
    });
    await assert.rejects(
      database.readings(series, range),
      forGood(/refuses the question \(no such/),
    );
    server.interceptQuestion = () => ({
      messages,
      failure: { code: status.INTERNAL, message: 'it broke down' },
    });
    await assert.rejects(database.readings(series, range), /it broke down/);
    server.interceptQuestion = () => ({ messages: messages.slice(1) });
    await assert.rejects(database.readings(series, range), forGood(/gives an answer that is none/));
    server.interceptQuestion = () => ({ messages: [] });
    await assert.rejects(database.readings(series, range), /an empty answer/);
    const { port } = new URL(server.url);
    await server.close();
    await assert.rejects(database.readings(series, range), RemoteUnavailable);
    server = await startInflux3Server('3.11.2', Number(port));
  });

  it('reads no more than it asked for, and no answer without end', async () => {
    const database = await ready();
    server.interceptQuestion = () => ({ messages: arrowMessages(numbers(5_000)) });
    assert.equal((await database.readings(series, range)).length, range.limit);
    const [header, row] = arrowMessages(numbers(1));
    const huge = { header: row!.header, body: Buffer.alloc(40 * 1024 * 1024) };
    server.interceptQuestion = () => ({ messages: [header!, huge] });
    await assert.rejects(database.open(), forGood(/too long an answer: Received message larger/));

    const told: string[] = [];
    let passed = 0;
    const guard = createCallGuard(1_000);
    const listen = { onReceiveMessage: (_message: object) => (passed += 1) };
    const call = {
      start(_metadata: unknown, listener: typeof listen) {
        for (let i = 0; i < 5; i++) listener.onReceiveMessage({ dataBody: Buffer.alloc(300) });
      },
      cancelWithStatus: (_code: number, details: string) => told.push(details),
    };
    guard.interceptor({}, () => call as never).start({}, listen as never);
    assert.equal(passed, 3);
    assert.match(told[0]!, /more than 1000 bytes/);
  });

  it('asks for parts of a range that would take too many files', async () => {
    const database = await ready();
    await database.write(Array.from({ length: 50 }, (_, i) => reading(i * 10 * minute, i)));
    await database.write([reading(-5e12, -1), reading(9e12, 99)]);
    server.fileLimit = 3;
    const points = await database.readings(series, { start: -8e15, end: 8e15, limit: 100 });
    assert.deepEqual(
      points.map(({ value }) => value),
      [-1, ...Array.from({ length: 50 }, (_, i) => i), 99],
    );
    assert.equal((await database.readings(series, { start: 0, end: 8e15, limit: 7 })).length, 7);
    assert.deepEqual(
      await database.aggregate(series, 'sum', {
        ...{ start: 0, end: 500 * minute, width: 25 * minute, origin: -5 * minute, limit: 3 },
      }),
      [
        { timestamp: -5 * minute, value: 0 + 1, count: 2 },
        { timestamp: 20 * minute, value: 2 + 3 + 4, count: 3 },
        { timestamp: 45 * minute, value: 5 + 6, count: 2 },
      ],
    );
    await database.write([reading(5, 1, { device_id: 'old' })]);
    await database.removeDevice('old');
    await database.expire({ all: 0, by_type: {} });
    assert.deepEqual(
      (await connect().open()).map(({ device_id, latest }) => [device_id, latest?.value]),
      [['d', 99]],
    );
    assert.equal(await database.count(), undefined);
    await assert.rejects(
      database.aggregate(series, 'sum', {
        ...{ start: 0, end: 500 * minute, width: 500 * minute, origin: 0, limit: 3 },
      }),
      forGood(/file limit .* higher --query-file-limit/),
    );
  });

  it('leaves what is forgotten in the database, marked, and asks for it no more', async () => {
    const database = await ready();
    await database.write([reading(1, 1), reading(2, 2)]);
    await database.removeDevice('d');
    await database.write([reading(1, 10), reading(9, 90)]);
    await database.expire({ all: 5, by_type: {} });
    await database.expire({ all: 4, by_type: {} });
    await database.write([reading(2, 20)]);
    assert.deepEqual(
      (await database.readings(series, range)).map(({ value }) => value),
      [20, 90],
    );
    const stored = rows('device_id, measurement_type, generation, number').map((row) =>
      row.join(' '),
    );
    assert.deepEqual(stored.filter((row) => row.startsWith('d t')).sort(), [
      'd t  1',
      'd t  2',
      'd t 1 10',
      'd t 1 90',
      'd t 1.5 20',
    ]);
    assert.deepEqual(
      stored.filter((row) => !row.startsWith('d')),
      ['   5'],
    );
    assert.equal(stored.length, 7);
  });
});
