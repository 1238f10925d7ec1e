import assert from 'node:assert/strict';
import { InfluxDBClient } from '@influxdata/influxdb3-client';
import {
  startInflux3Server,
  type Influx3Server,
} from '../../support/influx3-server/influx3-server.ts';

/** The test server has to refuse what InfluxDB 3 Core would refuse, or it proves nothing. */
describe('the strict server of InfluxDB 3', () => {
  let server: Influx3Server;
  let client: InfluxDBClient;
  beforeEach(async () => {
    server = await startInflux3Server();
    client = new InfluxDBClient({ host: server.url, token: 'all', database: 'hub' });
    await post('/api/v3/configure/database', { db: 'hub' });
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  const post = async (path: string, body: string | object, token = 'all') => {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, text: await response.text() };
  };
  const parameters = 'db=hub&precision=nanosecond&accept_partial=true&no_sync=false';
  const write = (lines: string, more = parameters) => post(`/api/v3/write_lp?${more}`, lines);
  const ask = async (sql: string, params: Record<string, string> = {}) => {
    const rows: Record<string, unknown>[] = [];
    for await (const row of client.query(sql, 'hub', { type: 'sql', params })) rows.push(row);
    return rows;
  };

  it('stores the lines it can, and names the others with their beginning', async () => {
    const { status, text } = await write('m,a=x v=1 1\nm,a=x v="text" 2\nm,a=x,a=y v=1 3\nm v=2 4');
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(text), {
      error: 'partial write of line protocol occurred',
      data: [
        {
          original_line: 'm,a=x v="text" 2',
          line_number: 2,
          error_message:
            "invalid column type for column 'v', expected iox::column_type::float64, got iox::column_type::utf8",
        },
        {
          original_line: 'm,a=x,a=y v=1 3',
          line_number: 3,
          error_message: 'a is there twice',
        },
      ],
    });
    assert.deepEqual(await ask('SELECT time, a, v FROM m ORDER BY time'), [
      { time: 1e-6, a: 'x', v: 1 },
      { time: 4e-6, a: null, v: 2 },
    ]);
  });

  it('keeps the fields of a row that is written again without them', async () => {
    await write('m,a=x v=1,w=2 1');
    await write('m,a=x v=3 1');
    assert.deepEqual(await ask('SELECT v, w FROM m'), [{ v: 3, w: 2 }]);
  });

  it('wants durable and partial writes, a database, a precision, and a token', async () => {
    for (const wrong of [
      'db=hub&precision=ms&accept_partial=true&no_sync=false',
      'db=hub&precision=nanosecond&accept_partial=true&no_sync=true',
      'db=hub&precision=nanosecond&accept_partial=true',
      'db=hub&precision=nanosecond&no_sync=false',
      'precision=nanosecond&accept_partial=true&no_sync=false',
    ])
      assert.equal((await write('m v=1 1', wrong)).status, 400, wrong);
    server.tokens.set('other', { admin: false, databases: ['other'] });
    assert.equal((await post(`/api/v3/write_lp?${parameters}`, 'm v=1 1', 'other')).status, 403);
    assert.equal((await post(`/api/v3/write_lp?${parameters}`, 'm v=1 1', 'x')).status, 401);
    assert.equal((await post('/api/v3/configure/database', { db: 'x' }, 'other')).status, 403);
    assert.equal((await post('/api/v3/configure/database', { db: 'hub' })).status, 409);
    const table = { table: 't', tags: ['a'], fields: [] };
    assert.equal((await post('/api/v3/configure/table', { db: 'x', ...table })).status, 404);
    assert.equal((await post('/api/v3/configure/table', { db: 'hub', ...table })).status, 200);
    assert.equal((await post('/api/v3/configure/table', { db: 'hub', ...table })).status, 409);
  });

  it('refuses statements as DataFusion does, and those it does not know', async () => {
    await write('m,tag=x number=1,text="a",flag=true 1');
    for (const [sql, message, params = {}] of [
      ['SELECT number FROM n', /table 'public\.iox\.n' not found/],
      ['SELECT missing FROM m', /No field named missing\. Valid fields are flag, number/],
      ['SELECT "Number" FROM m', /No field named Number/],
      ['SELECT number FROM m WHERE missing = 1', /No field named missing/],
      [
        'SELECT number FROM m WHERE time > 1000',
        /Cannot infer common argument type .* Timestamp\(ns\) > Int64/,
      ],
      ["SELECT number FROM m WHERE time > 'yesterday'", /Error parsing timestamp/],
      ["SELECT number FROM m WHERE time < '1066-10-14T00:00:00Z'", /represented as nanoseconds/],
      ['SELECT number FROM m WHERE tag = $nothing', /No (value|parameter)/],
      ['SELECT $tag FROM m', /Expected: identifier/, { tag: 'x' }],
      ['SELECT number, count(text) FROM m', /must be in GROUP BY or an aggregate/],
      ['SELECT tag, avg(number) FROM m GROUP BY time', /must be in GROUP BY/],
      ['SELECT avg(number) FROM m GROUP BY 2', /Cannot find column with position 2/],
      ['SELECT avg(text) FROM m', /avg does not support inputs of type utf8/],
      ['SELECT avg(flag) FROM m', /avg does not support inputs of type bool/],
      ['SELECT mean(number, 2) FROM m', /Invalid function/],
      ['SELECT last_value(number) FROM m', /orders last_value/],
      ["SELECT date_bin(INTERVAL '5 fortnights', time) FROM m", /Invalid interval/],
      ["SELECT date_bin(INTERVAL '5 minutes', number) FROM m", /date_bin of float64/],
      ['DELETE FROM m', /Expected: select/],
      ['SELECT number FROM m; SELECT number FROM m', /TokenizerError/],
      ['SELECT number FROM m LIMIT 1 OFFSET 2', /Expected: end of statement/],
      ["SELECT number FROM m WHERE tag = 'x", /TokenizerError/],
    ] as [string, RegExp, Record<string, string>?][])
      await assert.rejects(ask(sql, params), message, sql);
  });

  it('binds parameters, and leaves out those that are empty as the library does', async () => {
    await write(`m,tag=it's v=1 1\nm,tag=$x v=2 2`);
    const sql = 'SELECT v FROM m WHERE tag = $tag';
    assert.deepEqual(await ask(sql, { tag: "it's" }), [{ v: 1 }]);
    assert.deepEqual(await ask(sql, { tag: '$x' }), [{ v: 2 }]);
    await assert.rejects(ask(sql, { tag: '' }), /No parameter matching \$tag/);
  });

  it('gives times, integers, floats, texts and booleans, and nulls where there is nothing', async () => {
    await write('m number=0.1,text="a",flag=false 1700000000123000000\nm number=0.3 -1000000');
    const [row] = await ask(
      'SELECT max(time) AS time, count(*) AS count, stddev(number) AS deviation, median(number) AS median, ' +
        'last_value(text ORDER BY time) AS text, first_value(text ORDER BY time) AS none, ' +
        'last_value(flag ORDER BY time) AS flag, ' +
        'last_value(number ORDER BY time) FILTER (WHERE text IS NULL) AS other FROM m',
    );
    assert.deepEqual(row, {
      ...{ time: 1_700_000_000_123, count: 2n, deviation: Math.sqrt(0.02), median: 0.2 },
      ...{ text: 'a', none: null, flag: false, other: 0.3 },
    });
    const [one] = await ask(
      "SELECT stddev(number) AS deviation FROM m WHERE time < '1970-01-01T00:00:00Z'",
    );
    assert.deepEqual(one, { deviation: null });
  });

  it('bins times before the origin as well', async () => {
    await write('m v=1 -1\nm v=2 0\nm v=3 60000000000');
    assert.deepEqual(
      await ask(
        "SELECT date_bin(INTERVAL '60000 milliseconds', time, '1970-01-01T00:01:00.000Z'::TIMESTAMP) AS bucket, " +
          'sum(v) AS sum FROM m GROUP BY 1 ORDER BY 1',
      ),
      [
        { bucket: -60_000, sum: 1 },
        { bucket: 0, sum: 2 },
        { bucket: 60_000, sum: 3 },
      ],
    );
  });

  it('refuses a question that takes more files than it may open', async () => {
    server.fileLimit = 2;
    await write('m v=1 0\nm v=2 600000000000\nm v=3 1200000000000');
    await assert.rejects(
      ask('SELECT v FROM m'),
      /Query would exceed file limit of 2 parquet files/,
    );
    assert.equal((await ask("SELECT v FROM m WHERE time < '1970-01-01T00:20:00Z'")).length, 2);
  });
});
