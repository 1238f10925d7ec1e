import assert from 'node:assert/strict';
import {
  createInflux1Database,
  type Influx1Settings,
} from '../../../nodes/adapters/storage/influx/influx1-database.ts';
import type { SeriesInfo } from '../../../nodes/core/telemetry/ports.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import {
  startHttpServer,
  type HttpHandler,
  type HttpRequest,
  type HttpServerUnderTest,
} from '../../support/http-exchange.ts';
import { startInfluxd, type Influxd, type InfluxdOptions } from '../../support/influxd.ts';
import { until } from '../../support/until.ts';

const day = 86_400_000;
const series: SeriesInfo = { device_id: 'd', measurement_type: 't', value_type: 'number' };
const range = { start: 0, end: 8e15, limit: 100_000 };
const reading = (
  timestamp: number,
  value: ReadingValue = timestamp,
  more: Partial<Reading> = {},
): Reading => ({ ...{ device_id: 'd', measurement_type: 't', timestamp, value }, ...more });
const forGood =
  (message: RegExp) =>
  (error: unknown): boolean =>
    !(error instanceof RemoteUnavailable) && message.test((error as Error).message);
const unavailable =
  (message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof RemoteUnavailable && message.test(error.message);

const opened: RemoteDatabase[] = [];
const connect = (url: string, more: Partial<Influx1Settings> = {}): RemoteDatabase => {
  const database = createInflux1Database({
    ...{ url, database: 'hub', username: '', password: '', timeoutMs: 10_000 },
    ...more,
  });
  opened.push(database);
  return database;
};
const closeAll = () => Promise.all(opened.splice(0).map((one) => one.close()));

const everyCall = (database: RemoteDatabase): Record<string, () => Promise<unknown>> => ({
  open: () => database.open(),
  write: () => database.write([reading(1)]),
  readings: () => database.readings(series, range),
  aggregate: () =>
    database.aggregate(series, 'avg', { start: 0, end: 9, width: 3, origin: 0, limit: 5 }),
  removeDevice: () => database.removeDevice('d'),
  expire: () => database.expire({ all: 1, by_type: {} }),
});

describe('InfluxDB 1 with points it refuses', function () {
  this.timeout(30_000);
  let server: Influxd | undefined;
  afterEach(async () => {
    await closeAll();
    await server?.stop();
    server = undefined;
  });
  const start = async (ctx: Mocha.Context, options?: InfluxdOptions) => {
    server = await startInfluxd(ctx, options);
    const database = connect(server.url);
    await database.open();
    return { server, database };
  };
  /** Writes a line as another program would. */
  const writeLine = async ({ url }: Influxd, line: string): Promise<void> => {
    const response = await fetch(`${url}/write?db=hub&precision=ms`, {
      method: 'POST',
      body: line,
    });
    assert.equal(response.status, 204);
  };

  it('names those of another field type by position, and stores all others, in every shard', async function () {
    const { server, database } = await start(this);
    // Somebody's own point makes `number` a text for the days of its shard.
    await writeLine(server, `llm_iot_readings,device_id=x number="text" ${100 * day}`);
    const readings = Array.from({ length: 200 }, (_, i) =>
      reading(i * day, i % 3 === 0 ? `text ${i}` : i, { measurement_type: i % 3 ? 't' : 'said' }),
    );
    const { rejected } = await database.write(readings.toReversed());
    const refused = new Set(rejected.map(({ index }) => 199 - index));
    assert.ok(refused.size > 0);
    for (const { index, reason } of rejected) {
      assert.equal(typeof readings[199 - index]!.value, 'number');
      assert.ok(Math.abs(199 - index - 100) < 8);
      assert.match(reason, /^field type conflict: input field "number" .* type float/);
    }
    const kept = readings.filter((_, i) => !refused.has(i));
    const stored = await database.readings(series, range);
    const said = await database.readings(
      { ...series, measurement_type: 'said', value_type: 'string' },
      range,
    );
    assert.deepEqual(
      [...stored, ...said].map(({ timestamp, value }) => [timestamp, value]).sort(),
      kept.map(({ timestamp, value }) => [timestamp, value]).sort(),
    );
  });

  it('names those that are older than the retention policy keeps them', async function () {
    const { server, database } = await start(this);
    await server.query('ALTER RETENTION POLICY "autogen" ON "hub" DURATION 24h SHARD DURATION 1h');
    const now = Date.now();
    const readings = Array.from({ length: 3_000 }, (_, i) =>
      reading(i % 5 === 0 ? i + 1 : now - 1_000 + i),
    );
    const { rejected } = await database.write(readings);
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [...readings.keys()].filter((i) => i % 5 === 0),
    );
    assert.equal(rejected[0]?.reason, 'points beyond retention policy');
    assert.equal((await database.readings(series, range)).length, 2_400);
  });

  it('names those of series the server has no room for', async function () {
    const { database } = await start(this, { config: { data: ['max-values-per-tag = 10'] } });
    const ofDevice = (device: number) => reading(device, device, { device_id: `d${device}` });
    const most = Array.from({ length: 10 }, (_, i) => ofDevice(i));
    assert.deepEqual(await database.write(most), { rejected: [] });
    const { rejected } = await database.write([3, 11, 4, 12, 5].map(ofDevice));
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [1, 3],
    );
    assert.match(rejected[0]!.reason, /^max-values-per-tag limit exceeded/);
    assert.equal((await database.open()).length, 10);
  });

  it('keeps the last of several readings with the same time also when others are refused', async function () {
    const { server, database } = await start(this);
    await writeLine(server, `llm_iot_readings,device_id=x boolean="text" 0`);
    const { rejected } = await database.write([
      ...Array.from({ length: 50 }, (_, i) => reading(7, i)),
      reading(8, true, { measurement_type: 'on' }),
      ...Array.from({ length: 50 }, (_, i) => reading(7, 100 + i)),
    ]);
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [50],
    );
    assert.deepEqual(await database.readings(series, range), [
      { timestamp: 7, value: 149, count: 1 },
    ]);
  });
});

describe('InfluxDB 1 that goes away', function () {
  this.timeout(60_000);
  let server: Influxd | undefined;
  afterEach(async () => {
    await closeAll();
    await server?.stop();
    server = undefined;
  });

  it('has every reading it was said to have when it is killed in the middle', async function () {
    server = await startInfluxd(this);
    const database = connect(server.url);
    await database.open();
    let stored = 0;
    const writing = (async () => {
      for (;;) {
        await database.write(Array.from({ length: 100 }, (_, i) => reading(stored + i)));
        stored += 100;
      }
    })();
    const ended = assert.rejects(writing, RemoteUnavailable);
    await until('some of it is written', () => stored > 2_000);
    await server.kill();
    await ended;
    for (const [name, call] of Object.entries(everyCall(database)))
      await assert.rejects(call(), RemoteUnavailable, name);
    await server.restart();
    await database.open();
    const kept = await database.readings(series, range);
    assert.ok(kept.length >= stored);
    assert.deepEqual(
      kept.slice(0, stored).map(({ value }) => value),
      Array.from({ length: stored }, (_, i) => i),
    );
  });

  it('gives as many readings and buckets as are asked for, also more than the server gives at once', async function () {
    server = await startInfluxd(this);
    const database = connect(server.url);
    await database.open();
    for (let from = 0; from < 25_000; from += 5_000)
      await database.write(Array.from({ length: 5_000 }, (_, i) => reading(from + i)));
    const all = await database.readings(series, range);
    assert.deepEqual(
      all.map(({ value }) => value),
      Array.from({ length: 25_000 }, (_, i) => i),
    );
    assert.equal((await database.readings(series, { ...range, limit: 12_345 })).length, 12_345);
    const segment = { start: 1, end: 25_000, width: 2, origin: 1 };
    for (const limit of [11_000, 100_000]) {
      const buckets = await database.aggregate(series, 'sum', { ...segment, limit });
      assert.equal(buckets.length, Math.min(limit, 12_500));
      for (const [i, { timestamp, value }] of buckets.entries())
        assert.deepEqual([timestamp, value], [i * 2 + 1, i === 12_499 ? 24_999 : i * 4 + 3]);
    }
  });

  it('says so when the server is set to cut its answers short', async function () {
    server = await startInfluxd(this, { config: { http: ['max-row-limit = 10'] } });
    const database = connect(server.url);
    await database.open();
    await database.write(Array.from({ length: 11 }, (_, i) => reading(i)));
    assert.equal((await database.readings(series, { ...range, limit: 10 })).length, 10);
    await assert.rejects(database.readings(series, range), forGood(/set max-row-limit = 0/));
    await database.write(
      Array.from({ length: 11 }, (_, i) => reading(i, i, { device_id: `d${i}` })),
    );
    await assert.rejects(database.open(), forGood(/set max-row-limit = 0/));
  });

  it('lets no name become a part of a statement', async function () {
    server = await startInfluxd(this);
    const database = connect(server.url);
    await database.open();
    const words = [
      ...["' OR 1=1 --", "';DROP MEASUREMENT llm_iot_readings", '"', '/.*/', '$device_id', '*'],
      ...[
        "\\' OR ''='",
        'now()',
        '; DELETE FROM /.*/ --',
        "') OR (time > 0",
        'GROUP BY *',
        '::tag',
      ],
      ...['/* */', '--', "''", "\\\\'", '\n', 'time', 'llm_iot_readings', '"llm_iot_readings"'],
    ];
    const names = Array.from(
      { length: 100 },
      (_, i) => `${words[i % 20]}${i < 20 ? '' : words[(i * 7 + Math.floor(i / 20)) % 20]}`,
    );
    assert.ok(new Set(names).size > 95);
    const all = [...new Set(names)].map((name, i) =>
      reading(1, i, { device_id: name, sensor_id: name, measurement_type: name, unit: name }),
    );
    assert.deepEqual(await database.write(all), { rejected: [] });
    for (const { timestamp: _timestamp, ...one } of all) {
      const key = { ...one, value_type: 'number' as const };
      assert.deepEqual(await database.readings(key, range), [
        { timestamp: 1, value: one.value, count: 1 },
      ]);
    }
    let left = all.length;
    assert.equal((await database.open()).length, left);
    for (const { device_id, measurement_type } of all.slice(0, 40)) {
      if (left % 2) await database.removeDevice(device_id);
      else await database.expire({ by_type: { [measurement_type]: 2 } });
      left -= 1;
      assert.equal(await database.count(), left, device_id);
    }
    await database.expire({
      all: 2,
      by_type: Object.fromEntries(all.slice(40, 90).map((one) => [one.measurement_type, 0])),
    });
    assert.equal(await database.count(), 50);
  });
});

describe('InfluxDB 1 when something is wrong', () => {
  let server: HttpServerUnderTest;
  let requests: HttpRequest[];
  let intercept: HttpHandler | undefined;
  beforeEach(async () => {
    requests = [];
    intercept = undefined;
    server = await startHttpServer((request) => {
      requests.push(request);
      if (intercept) return intercept(request);
      if (request.path === '/ping')
        return { status: 204, headers: { 'x-influxdb-version': '1.8.10' } };
      return request.path === '/write' ? { status: 204 } : results({});
    });
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
  });
  const results = (result: object) => ({ status: 200, body: { results: [result] } });
  const ready = (more: Partial<Influx1Settings> = {}): RemoteDatabase =>
    connect(`http://127.0.0.1:${server.port}/some/path/`, more);
  const written = (): HttpRequest[] => requests.filter(({ path }) => path.endsWith('/write'));

  it('reaches a server behind a path, with its name and password', async () => {
    const database = ready({ username: 'hub', password: 'a:b' });
    await database.write([reading(1)]);
    await database.readings(series, range);
    assert.deepEqual(
      requests.map(({ method, path, headers }) => [method, path, headers.authorization]),
      [
        ['POST', '/some/path/write', `Basic ${btoa('hub:a:b')}`],
        ['POST', '/some/path/query', `Basic ${btoa('hub:a:b')}`],
      ],
    );
    assert.deepEqual([...requests[0]!.params], Object.entries({ db: 'hub', precision: 'ms' }));
    assert.equal(
      requests[0]!.body,
      'llm_iot_readings,device_id=d,measurement_type=t number=1,quality="good" 1',
    );
  });

  it('tells a server that is overloaded for the moment from one that refuses for good', async () => {
    const database = ready();
    for (const status of [500, 503, 429, 408]) {
      intercept = () => ({ status, body: { error: 'no time' } });
      for (const [name, call] of Object.entries(everyCall(database)))
        await assert.rejects(call(), RemoteUnavailable, name);
    }
    for (const error of ['timeout', 'max-concurrent-queries limit exceeded(5, 5)']) {
      intercept = () => results({ error });
      await assert.rejects(database.readings(series, range), unavailable(/timeout|max-concurrent/));
    }
    intercept = () => results({ error: 'error parsing query: found x' });
    await assert.rejects(database.readings(series, range), forGood(/error parsing query: found x/));
  });

  it('rejects no reading for a refusal that is not about points', async () => {
    const database = ready();
    for (const [status, error] of [
      [400, 'missing required parameter "db"'],
      [401, 'authorization failed'],
      [403, '"hub" user is not authorized'],
      [404, 'database not found: "hub"'],
      [302, ''],
    ] as const) {
      intercept = () => ({ status, body: { error } });
      await assert.rejects(database.write([reading(1), reading(2)]), forGood(new RegExp(error)));
    }
    assert.equal(written().length, 5);
  });

  it('finds the line a server cannot read, and sends less at once where it takes no more', async () => {
    const database = ready();
    const stored = new Set<string>();
    intercept = ({ body }) => {
      if (body.length > 1_000) return { status: 413, body: { error: 'Request Entity Too Large' } };
      const lines = body.split('\n');
      for (const line of lines) if (!line.includes('number=20,')) stored.add(line);
      if (!body.includes('number=20,')) return { status: 204 };
      const error = "unable to parse 'x': no";
      return {
        status: 400,
        body: { error: lines.length > 1 ? `partial write: ${error} dropped=0` : error },
      };
    };
    const { rejected } = await database.write(Array.from({ length: 50 }, (_, i) => reading(i)));
    assert.deepEqual(rejected, [{ index: 20, reason: "unable to parse 'x': no" }]);
    assert.equal(stored.size, 49);
  });

  it('names every point when all of them are refused, in one request', async () => {
    const database = ready();
    intercept = () => ({
      status: 400,
      body: { error: 'partial write: points beyond retention policy dropped=3' },
    });
    const { rejected } = await database.write([
      reading(1),
      reading(2, NaN),
      reading(3),
      reading(4),
    ]);
    assert.deepEqual(
      rejected.map(({ index, reason }) => [index, reason.slice(0, 6)]),
      [
        [0, 'points'],
        [1, 'value '],
        [2, 'points'],
        [3, 'points'],
      ],
    );
    assert.equal(written().length, 1);
  });

  it('sends long texts in several requests', async () => {
    const text = 'x'.repeat(16_000);
    await ready().write(Array.from({ length: 600 }, (_, i) => reading(i, text)));
    assert.equal(written().length, 3);
    assert.equal(
      written().reduce((sum, { body }) => sum + body.split('\n').length, 0),
      600,
    );
  });

  it('gives up a server that hangs, and ends the request', async () => {
    const database = ready({ timeoutMs: 150 });
    intercept = () => undefined;
    for (const [name, call] of Object.entries(everyCall(database)))
      await assert.rejects(call(), unavailable(/has not answered within 150 ms/), name);
    await until('the requests are ended', () => server.abandoned() === requests.length);
  });

  it('gives up an answer that comes too slowly', async () => {
    const database = ready({ timeoutMs: 150 });
    const drops = async function* (): AsyncGenerator<string> {
      for (;;) {
        yield ' ';
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    intercept = () => ({ status: 200, body: drops() });
    for (const [name, call] of Object.entries(everyCall(database)))
      if (name !== 'open') await assert.rejects(call(), RemoteUnavailable, name);
    await until('the requests are ended', () => server.abandoned() === requests.length);
  });

  it('gives up an answer that breaks off at once', async () => {
    const database = ready({ timeoutMs: 60_000 });
    const beginning = function* (): Generator<string> {
      yield '{"results":';
      throw new Error('the server breaks down');
    };
    intercept = () => ({ status: 200, body: beginning() });
    for (const [name, call] of Object.entries(everyCall(database)))
      await assert.rejects(call(), RemoteUnavailable, name);
  });

  it('reads no answer without end', async () => {
    const endless = function* (): Generator<string> {
      for (;;) yield ' '.repeat(65_536);
    };
    const database = ready({ largestAnswer: 1_000_000 });
    intercept = () => ({ status: 200, body: endless() });
    const tooMuch = forGood(/answers with more than \d+ bytes/);
    await assert.rejects(database.readings(series, range), tooMuch);
    await assert.rejects(database.write([reading(1)]), tooMuch);
    await until('the requests are ended', () => server.abandoned() === 2);
    intercept = undefined;
    // What is limited is each answer, not all of those on one connection.
    const padding = ' '.repeat(400_000);
    intercept = () => ({ status: 200, body: `{"results":[{}]}${padding}` });
    for (let i = 0; i < 5; i++) assert.deepEqual(await database.readings(series, range), []);
  });

  it('takes what is no answer of InfluxDB for none', async () => {
    const database = ready();
    for (const body of ['<html>hello</html>', '{}', '[]', 'null', '{"results":5}', '']) {
      intercept = () => ({ status: 200, body });
      for (const call of [() => database.open(), () => database.readings(series, range)])
        await assert.rejects(call, forGood(/no JSON|no result/), body);
    }
  });

  it('ends what is under way when it is closed', async () => {
    const database = ready();
    intercept = () => undefined;
    const calls = Object.values(everyCall(database)).map((call) =>
      assert.rejects(call(), /closed/),
    );
    await until('the requests are there', () => requests.length === calls.length);
    await database.close();
    await Promise.all(calls);
    await assert.rejects(database.write([reading(1)]), /closed/);
  });

  it('gives no number of readings once counting takes long', async () => {
    const database = ready();
    intercept = () =>
      results({ series: [{ name: 'm', columns: ['time', 'count'], values: [[0, 7]] }] });
    assert.equal(await database.count(), 7);
    intercept = () => undefined;
    assert.equal(await database.count(), undefined);
    intercept = () => results({});
    assert.equal(await database.count(), undefined);
  });
});
