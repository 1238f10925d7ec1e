import assert from 'node:assert/strict';
import {
  organization,
  startInflux2Server,
  type Influx2Server,
} from '../../support/influx2-server/influx2-server.ts';

/** The test server has to refuse what InfluxDB 2 would refuse, or it proves nothing. */
describe('the strict server of InfluxDB 2', () => {
  let server: Influx2Server;
  beforeEach(async () => {
    server = await startInflux2Server();
    server.makeBucket('b');
  });
  afterEach(() => server.close());

  const post = async (path: string, body: string | object, headers: object = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { authorization: 'Token all', 'content-type': 'application/json', ...headers },
    });
    return { status: response.status, text: await response.text() };
  };
  const write = (lines: string, more = '&precision=ns') =>
    post(`/api/v2/write?org=${organization}&bucket=b${more}`, lines);
  const annotations = ['datatype', 'group', 'default'];
  const query = (flux: string) =>
    post(`/api/v2/query?org=${organization}`, {
      query: flux,
      type: 'flux',
      dialect: { annotations },
    });
  const from =
    'from(bucket: "b") |> range(start: 1970-01-01T00:00:00Z, stop: 1980-01-01T00:00:00Z)';
  const all = async (pipeline = '') => query(`${from}${pipeline}`);

  it('refuses a whole write for one wrong line, and names each', async () => {
    const { status, text } = await write('m v=1 1\nm v= 2\nm,t= v=1 3');
    assert.equal(status, 400);
    assert.match(text, /unable to parse 'm v= 2'.*unable to parse 'm,t= v=1 3'/);
    assert.equal((await all()).text, '\r\n');
  });

  it('drops points whose field has another type that week, and stores the others', async () => {
    await write('m v=1 1');
    const { status, text } = await write(`m v="x" 2\nm v=3 3\nm v="y" ${8 * 86_400_000_000_000}`);
    assert.equal(status, 422);
    assert.match(
      text,
      /partial write: field type conflict: .* already exists as type float dropped=1/,
    );
    const { text: counted } = await query(`${from.replace('1980-01-01', '1970-01-08')} |> count()`);
    assert.match(counted, /,2\r\n/);
  });

  it('refuses a token, an organization, a bucket, a precision or a path it does not know', async () => {
    const statusOf = async (answer: Promise<{ status: number }>) => (await answer).status;
    const path = `/api/v2/write?org=${organization}&bucket=b`;
    assert.equal(await statusOf(post(path, 'm v=1 1', { authorization: 'Bearer all' })), 401);
    assert.equal(await statusOf(post('/api/v2/write?org=x&bucket=b', 'm v=1 1')), 404);
    assert.equal(
      await statusOf(post(`/api/v2/write?org=${organization}&bucket=x`, 'm v=1 1')),
      404,
    );
    assert.equal(await statusOf(write('m v=1 1', '&precision=minutes')), 400);
    assert.equal(await statusOf(post('/api/v3/write_lp', 'm v=1 1')), 404);
  });

  it('answers what is wrong with a Flux text as the real one does', async () => {
    await write('m s="x" 1');
    for (const [flux, status, message] of [
      ['from(bucket: "b")', 400, /cannot submit unbounded read/],
      ['from(bucket: "b") |> range(start: 0)', 400, /is missing/],
      [from.replace('"b"', '"x"'), 404, /could not find bucket/],
      [`${from} |> mean()`, 400, /unsupported input type for mean aggregate: string/],
      [
        `${from} |> filter(fn: (r) => r._value == 1)`,
        400,
        /unsupported binary expression string == long/,
      ],
      [`${from} |> nothing()`, 400, /compilation failed/],
      [`${from} |> limit(n: 1`, 400, /compilation failed/],
      [from.replace('1980', '1970'), 400, /empty range/],
      [`${from} |> median()`, 400, /estimates no medians/],
      [`${from}\n${from}`, 400, /more than one result/],
      [
        'from(bucket: "b") |> range(start: 1200-01-01T00:00:00Z, stop: 1980-01-01T00:00:00Z)',
        400,
        /out of range/,
      ],
    ] as const) {
      const answer = await query(flux);
      assert.equal(answer.status, status, flux);
      assert.match(answer.text, message, flux);
    }
  });

  it('does not put a text and a number into one column', async () => {
    await write('m s="x",v=1 1');
    const { status, text } = await all(' |> keep(columns: ["_value"])');
    assert.equal(status, 400);
    assert.match(text, /schema collision detected: column \\"_value\\" is both of type/);
  });

  it('answers in annotated CSV with a header for each shape of table', async () => {
    await write('m,t=a v=1.5 1\nm,t=a v=2 2\nm s="x,\\"y\\"" 1000000000');
    const { text } = await all();
    assert.equal(
      text,
      [
        '#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,string,string,string,dateTime:RFC3339,double',
        '#group,false,false,true,true,true,true,true,false,false',
        '#default,_result,,,,,,,,',
        ',result,table,_start,_stop,_field,_measurement,t,_time,_value',
        ',,0,1970-01-01T00:00:00Z,1980-01-01T00:00:00Z,v,m,a,1970-01-01T00:00:00.000000001Z,1.5',
        ',,0,1970-01-01T00:00:00Z,1980-01-01T00:00:00Z,v,m,a,1970-01-01T00:00:00.000000002Z,2',
        '',
        '#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,string,string,dateTime:RFC3339,string',
        '#group,false,false,true,true,true,true,false,false',
        '#default,_result,,,,,,,',
        ',result,table,_start,_stop,_field,_measurement,_time,_value',
        ',,1,1970-01-01T00:00:00Z,1980-01-01T00:00:00Z,s,m,1970-01-01T00:00:01Z,"x,""y"""',
        '',
        '',
      ].join('\r\n'),
    );
  });

  it('begins windows where the range begins, and promises no order of them', async () => {
    await write([1, 61, 119, 125].map((s) => `m v=${s} ${s}000000000`).join('\n'));
    const { text } = await query(
      'from(bucket: "b") |> range(start: 1970-01-01T00:00:30Z, stop: 1980-01-01T00:00:00Z)' +
        ' |> aggregateWindow(every: duration(v: "1m"), offset: duration(v: "10s"), fn: mean, createEmpty: false, timeSrc: "_start")' +
        ' |> keep(columns: ["_time", "_value"])',
    );
    assert.deepEqual(text.split('\r\n').slice(4, 6), [
      ',,0,122,1970-01-01T00:01:10Z',
      ',,0,61,1970-01-01T00:00:30Z',
    ]);
  });

  it('takes delete predicates of equal tags joined by AND only', async () => {
    await write('m,a=x,b=y v=1 1\nm,a=x v=1 2\nn,a=x v=1 3');
    const remove = (predicate: string) =>
      post(`/api/v2/delete?org=${organization}&bucket=b`, {
        ...{ start: '1970-01-01T00:00:00Z', stop: '1980-01-01T00:00:00Z', predicate },
      });
    for (const wrong of [
      'a="x" OR a="y"',
      'a!="x"',
      'a="x',
      'a="x"b="y"',
      'a="\\x"',
      '_field="v"',
      '',
    ])
      assert.equal((await remove(wrong)).status, 400, wrong);
    assert.equal((await remove('_measurement="m" AND a="x" and "b"="y"')).status, 204);
    assert.equal((await all()).text.match(/,1\r\n/g)?.length, 2);
    assert.equal((await remove('_measurement=m AND a="x"')).status, 204);
    assert.equal((await all()).text.match(/,1\r\n/g)?.length, 1);
  });
});
