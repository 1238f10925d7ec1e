import assert from 'node:assert/strict';
import { createInflux2Database } from '../../../nodes/adapters/storage/influx/influx2-database.ts';
import type { SeriesInfo } from '../../../nodes/core/telemetry/ports.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import { freePort } from '../../support/free-port.ts';
import type { HttpAnswer, HttpRequest } from '../../support/http-exchange.ts';
import { csvError } from '../../support/influx2-server/annotated-csv.ts';
import {
  organization,
  startInflux2Server,
  type Influx2Server,
} from '../../support/influx2-server/influx2-server.ts';
import { parseLines } from '../../support/line-protocol-parser.ts';
import { until } from '../../support/until.ts';

const series: SeriesInfo = { device_id: 'd', measurement_type: 't', value_type: 'number' };
const range = { start: 0, end: 1e15, limit: 100 };
const reading = (timestamp: number, value: ReadingValue): Reading => ({
  ...{ device_id: 'd', measurement_type: 't', timestamp, value },
});

describe('InfluxDB 2 when something is wrong', () => {
  let server: Influx2Server;
  const opened: RemoteDatabase[] = [];
  beforeEach(async () => {
    server = await startInflux2Server();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
    await server.close();
  });

  const connect = (more: Partial<Parameters<typeof createInflux2Database>[0]> = {}) => {
    const database = createInflux2Database({
      ...{ url: server.url, organization, bucket: 'hub', token: 'all', timeoutMs: 5_000 },
      ...more,
    });
    opened.push(database);
    return database;
  };
  const ready = async (more: Partial<Parameters<typeof createInflux2Database>[0]> = {}) => {
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
  const written = (): HttpRequest[] =>
    server.requests.filter(({ path }) => path === '/api/v2/write');
  const answerQueries = (answer: () => HttpAnswer): void => {
    server.intercept = ({ path }) => (path === '/api/v2/query' ? answer() : undefined);
  };
  const forGood =
    (message: RegExp) =>
    (error: unknown): boolean =>
      !(error instanceof RemoteUnavailable) && message.test((error as Error).message);

  it('makes the bucket once, and says which version it talks to', async () => {
    const database = await ready();
    await database.open();
    assert.deepEqual(
      server.buckets.map(({ name, retention }) => [name, retention]),
      [['hub', 0]],
    );
    assert.equal(database.name(), `InfluxDB 2.7.12 at ${server.url}, bucket hub`);
  });

  it('says what to change when the token is unknown, the organization is, or the bucket may not be made', async () => {
    server.tokens.set('reader', { buckets: ['mine'], makesBuckets: false });
    await assert.rejects(connect({ token: 'x' }).open(), forGood(/does not know the token/));
    await assert.rejects(
      connect({ organization: 'elsewhere' }).open(),
      forGood(/organization "elsewhere"/),
    );
    await assert.rejects(
      connect({ token: 'reader' }).open(),
      forGood(/no such bucket .* make it, or give a token/),
    );
    server.makeBucket('mine');
    const database = connect({ token: 'reader', bucket: 'mine' });
    assert.deepEqual(await database.open(), []);
    await database.write([reading(1, 1)]);
    server.tokens.delete('reader');
    await assert.rejects(database.write([reading(1, 1)]), forGood(/does not know the token/));
  });

  it('refuses a server of another version, and an address that is none', async () => {
    const other = await startInflux2Server('v1.8.10');
    try {
      await assert.rejects(connect({ url: other.url }).open(), forGood(/is InfluxDB 1\.8\.10/));
    } finally {
      await other.close();
    }
    for (const url of ['', 'house', 'ftp://house', 'http://user:secret@house'])
      assert.throws(() => connect({ url }), /url must/);
  });

  it('is unavailable when nobody listens, and when the server is busy or failing', async () => {
    const database = await ready();
    await database.write([reading(1, 1)]);
    for (const status of [408, 429, 500, 502, 503]) {
      server.intercept = () => ({ status, body: { code: 'x', message: 'not now' } });
      for (const [name, call] of Object.entries(everyCall(database)))
        await assert.rejects(call(), RemoteUnavailable, `${name} ${status}`);
    }
    const nobody = connect({ url: `http://127.0.0.1:${await freePort()}` });
    for (const [name, call] of Object.entries(everyCall(nobody)))
      if (name !== 'expire') await assert.rejects(call(), /does not answer: connect ECONNREFUSED/);
  });

  it('tries nothing again by itself and writes nothing to the console', async () => {
    const database = await ready();
    const said: unknown[] = [];
    const { error, warn } = console;
    console.error = console.warn = (...text: unknown[]) => said.push(text);
    try {
      for (const status of [503, 401]) {
        server.intercept = () => ({ status });
        await assert.rejects(database.write([reading(1, 1)]));
      }
    } finally {
      Object.assign(console, { error, warn });
    }
    assert.equal(written().length, 2);
    assert.deepEqual(said, []);
  });

  it('gives up a server that hangs, and ends the request', async () => {
    const database = await ready({ timeoutMs: 150 });
    server.intercept = () => 'silence';
    let calls = 0;
    for (const [name, call] of Object.entries(everyCall(database))) {
      if (name === 'expire') continue;
      await assert.rejects(call(), /has not answered within 1500? ms/, name);
      calls += 1;
    }
    await until('the requests are ended', () => server.abandoned() >= calls);
  });

  it('gives up an answer that comes too slowly', async () => {
    const database = await ready({ timeoutMs: 150 });
    answerQueries(() => ({
      status: 200,
      body: (async function* () {
        for (;;) {
          yield '\r\n';
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })(),
    }));
    await assert.rejects(database.readings(series, range), RemoteUnavailable);
    await until('the request is ended', () => server.abandoned() >= 1);
  });

  it('ends what is under way when it is closed', async () => {
    const database = await ready();
    server.intercept = () => 'silence';
    const call = assert.rejects(database.readings(series, range), /closed/);
    await until('the question is there', () => server.requests.at(-1)?.path === '/api/v2/query');
    await database.close();
    await call;
    await assert.rejects(database.write([reading(1, 1)]), /closed/);
  });

  it('finds the points a partial write left out, and stores all others', async () => {
    const bucket = server.makeBucket('hub');
    const day = 86_400_000;
    bucket.write(parseLines('llm_iot_readings,device_id=x number="text" 0').points, 1n);
    const database = await ready();
    const readings = Array.from({ length: 100 }, (_, i) => reading((i + 1) * day, i));
    const { rejected } = await database.write(readings);
    // A field has one type per week.
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [0, 1, 2, 3, 4, 5],
    );
    assert.match(rejected[0]!.reason, /type conflict: input field "number" .* is type float/);
    assert.equal((await database.readings(series, range)).length, 94);
    assert.ok(written().length < 40);
  });

  it('names every point when all of them are left out, in one request', async () => {
    server.makeBucket('hub', 3_600);
    const database = await ready();
    const { rejected } = await database.write([reading(1, 1), reading(2, NaN), reading(3, 3)]);
    assert.deepEqual(rejected.map(({ index }) => index).sort(), [0, 1, 2]);
    assert.match(rejected.find(({ index }) => index === 0)!.reason, /outside retention policy/);
    assert.equal(written().length, 1);
    await database.write([reading(Date.now(), 1), reading(4, 4)]);
    assert.equal((await database.readings(series, { ...range, end: 8e15 })).length, 1);
  });

  it('finds the line a server cannot read, and sends less at once where it takes no more', async () => {
    const database = await ready();
    server.intercept = ({ path, body }) => {
      if (path !== '/api/v2/write') return undefined;
      if (body.length > 1_000) return { status: 413, body: { code: 'x', message: 'too large' } };
      if (!body.includes(' 30')) return undefined;
      return { status: 400, body: { code: 'invalid', message: "unable to parse 'x': no" } };
    };
    const { rejected } = await database.write(
      Array.from({ length: 50 }, (_, i) => reading(i * 1_000 + 10_000, i)),
    );
    assert.deepEqual(rejected, [{ index: 20, reason: "unable to parse 'x': no" }]);
    assert.equal((await database.readings(series, range)).length, 49);
  });

  it('rejects no reading for a refusal that is not about points', async () => {
    const database = await ready();
    for (const [status, message] of [
      [400, 'invalid precision'],
      [403, 'insufficient permissions for write'],
      [404, 'bucket "hub" not found'],
    ] as const) {
      server.intercept = () => ({ status, body: { code: 'x', message } });
      await assert.rejects(
        database.write([reading(1, 1), reading(2, 2)]),
        forGood(new RegExp(message)),
      );
    }
    assert.equal(written().length, 3);
  });

  it('says when a question fails after its answer has begun', async () => {
    const database = await ready();
    const rows = [
      '#datatype,string,long,dateTime:RFC3339,double',
      '#group,false,false,false,false',
      '#default,_result,,,',
      ',result,table,_time,_value',
      ',,0,1970-01-01T00:00:00Z,1',
    ].join('\r\n');
    answerQueries(() => ({ status: 200, body: `${rows}\r\n${csvError('memory limit, reached')}` }));
    await assert.rejects(database.readings(series, range), forGood(/memory limit, reached/));
    answerQueries(() => ({
      status: 200,
      body: (function* () {
        yield rows;
        throw new Error('the server breaks down');
      })(),
    }));
    await assert.rejects(database.readings(series, range), RemoteUnavailable);
  });

  it('reads no answer without end', async () => {
    const database = await ready();
    const endless = function* (start: string, piece: string): Generator<string> {
      yield start;
      for (;;) yield piece;
    };
    const header = '#datatype,string\r\n#group,false\r\n#default,\r\n,_value\r\n';
    answerQueries(() => ({ status: 200, body: endless('#', 'x'.repeat(65_536)) }));
    await assert.rejects(database.open(), forGood(/more than 1048576 bytes/));
    const lines = `,${'x'.repeat(98)}\r\n`.repeat(1_000);
    answerQueries(() => ({ status: 200, body: endless(header, lines) }));
    assert.equal((await database.readings(series, range)).length, range.limit);
    server.intercept = () => ({ status: 200, body: endless('', ' '.repeat(65_536)) });
    await assert.rejects(database.open(), forGood(/more than 4194304 bytes/));
  });

  it('takes what is no answer of InfluxDB for none', async () => {
    const database = await ready();
    answerQueries(() => ({ status: 200, body: '<html>\n<body>hello, world</body>\n' }));
    await assert.rejects(database.open(), forGood(/not annotated CSV: <html>/));
    server.intercept = () => ({ status: 200, body: 'OK' });
    await assert.rejects(database.open(), forGood(/no such bucket/));
    server.intercept = () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } });
    await assert.rejects(database.open(), forGood(/302/));
  });

  it('gives no number of readings once counting takes long', async () => {
    const database = await ready();
    await database.write([reading(1, 1)]);
    answerQueries(() => ({
      status: 200,
      body: (async function* () {
        yield await new Promise<never>(() => undefined);
      })(),
    }));
    assert.equal(await database.count(), undefined);
    server.intercept = undefined;
    assert.equal(await database.count(), undefined);
  });
});
