import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { ask, call, joinDevice, type TestDevice } from '../support/hub-client.ts';
import { roomNode } from '../support/house.ts';

interface Series {
  device_id: string;
  measurement_type: string;
  unit: string;
  points: { timestamp: string; value: number; count: number }[];
}

/** Kitchen, 2016-01-11 from 17:00: three readings, an hour of silence, four readings. */
const kitchenReadings: [time: string, value: number][] = [
  ['2016-01-11T17:00:00Z', 19],
  ['2016-01-11T17:20:00Z', 20],
  ['2016-01-11T17:40:00Z', 24],
  ['2016-01-11T19:00:00Z', 21],
  ['2016-01-11T19:15:00Z', 22],
  ['2016-01-11T19:30:00Z', 24],
  ['2016-01-11T19:45:00Z', 25],
];
const evening = { start: '2016-01-11T17:00:00Z', end: '2016-01-11T20:00:00Z' };

describe('data.query with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  let kitchen: TestDevice;
  let office: TestDevice;

  before(async () => {
    hub = await startHub();
    kitchen = await joinDevice(hub, roomNode('kitchen'));
    office = await joinDevice(hub, roomNode('office'));
    await kitchen.publish(
      'telemetry',
      kitchenReadings.map(([timestamp, value]) => ({
        measurement_type: 'temperature',
        value,
        timestamp,
      })),
    );
    // A reading every ten minutes over the night in which the clocks of Berlin go forward.
    const night = Date.parse('2016-03-26T00:00:00Z');
    await office.publish(
      'telemetry',
      Array.from({ length: 3 * 144 }, (_unused, step) => [
        { measurement_type: 'temperature', value: 18, timestamp: night + step * 600_000 },
        { measurement_type: 'humidity', value: 45, timestamp: night + step * 600_000 },
      ]).flat(),
    );
    await office.publish('telemetry', {
      measurement_type: 'temperature',
      value: 18.5,
      timestamp: '2016-01-11T17:30:00Z',
    });
  });
  after(async () => {
    await kitchen.end();
    await office.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const query = async (params: object): Promise<Series[]> =>
    (await ask(hub, 'data.query', { device_ids: [kitchen.id], time_range: evening, ...params }))
      .series;
  const points = async (params: object): Promise<unknown[][]> =>
    ((await query(params))[0]?.points ?? []).map(({ timestamp, value, count }) => [
      timestamp,
      value,
      count,
    ]);
  const start = (hour: number): string => `2016-01-11T${hour}:00:00.000Z`;

  const expected: Record<string, [first: number, second: number]> = {
    avg: [21, 23],
    min: [19, 21],
    max: [24, 25],
    sum: [63, 92],
    count: [3, 4],
    first: [19, 21],
    last: [24, 25],
    median: [20, 23],
    stddev: [Math.sqrt(7), Math.sqrt(10 / 3)],
  };
  for (const [aggregation, [first, second]] of Object.entries(expected))
    it(`answers ${aggregation} per hour at the start of each interval, and leaves the gap a gap`, async () => {
      const [one, two, ...more] = await points({ aggregation, interval: '1h' });
      assert.deepEqual(more, []);
      assert.deepEqual([one?.[0], one?.[2]], [start(17), 3]);
      assert.deepEqual([two?.[0], two?.[2]], [start(19), 4]);
      assert.ok(Math.abs((one?.[1] as number) - first) < 1e-9, String(one?.[1]));
      assert.ok(Math.abs((two?.[1] as number) - second) < 1e-9, String(two?.[1]));
    });

  it('answers raw readings without an aggregation, start included and end not', async () => {
    const all = kitchenReadings.map(([timestamp, value]) => [
      new Date(timestamp).toISOString(),
      value,
      1,
    ]);
    assert.deepEqual(await points({}), all);
    assert.deepEqual(await points({ aggregation: 'raw' }), all);
    assert.deepEqual(
      await points({ time_range: { start: '2016-01-11T17:20:00Z', end: '2016-01-11T19:30:00Z' } }),
      all.slice(1, 5),
    );
  });

  it('takes intervals from 1s to 30d, and answers one point for the whole range without one', async () => {
    assert.equal((await points({ aggregation: 'avg', interval: '1s' })).length, 7);
    assert.equal((await points({ aggregation: 'avg', interval: '30m' })).length, 4);
    assert.equal((await points({ aggregation: 'avg', interval: '1d' })).length, 1);
    const [month] = await points({ aggregation: 'count', interval: '30d' });
    assert.equal(month?.[1], 7);
    const [whole, ...more] = await points({ aggregation: 'max' });
    assert.deepEqual([whole, more], [[start(17), 25, 7], []]);
    for (const interval of ['0s', '31d', '1w', 'hourly', '1.5h']) {
      const { error } = await call(hub, 'data.query', {
        device_ids: [kitchen.id],
        time_range: evening,
        aggregation: 'avg',
        interval,
      });
      assert.equal(error?.code, -32602, interval);
      assert.equal(error.data.field, 'interval');
    }
  });

  it('counts days in UTC, or by the clock of a named time zone: 23 hours when it goes forward', async () => {
    const days = async (more: object): Promise<unknown[][]> =>
      points({
        device_ids: [office.id],
        measurement_types: ['temperature'],
        time_range: { start: '2016-03-26T00:00:00Z', end: '2016-03-29T00:00:00Z' },
        aggregation: 'count',
        interval: '1d',
        ...more,
      });
    assert.deepEqual(await days({}), [
      ['2016-03-26T00:00:00.000Z', 144, 144],
      ['2016-03-27T00:00:00.000Z', 144, 144],
      ['2016-03-28T00:00:00.000Z', 144, 144],
    ]);
    assert.deepEqual(await days({ time_zone: 'Europe/Berlin' }), [
      ['2016-03-25T23:00:00.000Z', 138, 138],
      ['2016-03-26T23:00:00.000Z', 138, 138],
      ['2016-03-27T22:00:00.000Z', 144, 144],
      ['2016-03-28T22:00:00.000Z', 12, 12],
    ]);
    const { error } = await call(hub, 'data.query', {
      device_ids: [office.id],
      time_range: evening,
      aggregation: 'avg',
      interval: '1d',
      time_zone: 'Europe/Berlim',
    });
    assert.equal(error?.code, -32602);
    assert.match(JSON.stringify(error.data), /Europe\/Berlin/);
  });

  it('answers several devices and types, each as a series of its own with its unit', async () => {
    const series = await query({
      device_ids: [kitchen.id, office.id],
      time_range: { start: '2016-01-01T00:00:00Z', end: '2016-12-31T00:00:00Z' },
      aggregation: 'count',
    });
    assert.deepEqual(
      series
        .map(({ device_id, measurement_type, unit, points: [point] }) => [
          device_id,
          measurement_type,
          unit,
          point?.value,
        ])
        .sort((a, b) => Number(a[3]) - Number(b[3])),
      [
        [kitchen.id, 'temperature', 'celsius', 7],
        [office.id, 'humidity', 'percent', 432],
        [office.id, 'temperature', 'celsius', 433],
      ],
    );
    const one = await query({ device_ids: [kitchen.id, office.id], aggregation: 'avg' });
    assert.equal(one.length, 2, 'both have a temperature that evening, and nothing else');
  });

  it('says when it is truncated, and goes on by cursor without losing or repeating a point', async () => {
    const question = {
      device_ids: [kitchen.id, office.id],
      time_range: { start: '2016-01-01T00:00:00Z', end: '2016-12-31T00:00:00Z' },
      limit: 100,
    };
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await ask(hub, 'data.query', { ...question, ...(cursor ? { cursor } : {}) });
      const found = (page.series as Series[]).flatMap(({ device_id, measurement_type, points }) =>
        points.map(({ timestamp }) => `${device_id} ${measurement_type} ${timestamp}`),
      );
      assert.ok(found.length <= 100);
      assert.equal(page.truncated, page.cursor !== undefined);
      seen.push(...found);
      cursor = page.cursor;
      pages += 1;
    } while (cursor !== undefined);
    assert.equal(seen.length, 7 + 432 + 433);
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(pages, 9);
    const aggregated = await ask(hub, 'data.query', {
      ...question,
      aggregation: 'avg',
      interval: '1h',
      limit: 10,
    });
    assert.equal(aggregated.truncated, true);
    const { error } = await call(hub, 'data.query', { ...question, cursor: 'made-up' });
    assert.equal(error?.code, -32602);
    assert.equal(error.data.field, 'cursor');
  });

  it('a range without readings has no series, and an unknown device is -32000', async () => {
    assert.deepEqual(
      await query({ time_range: { start: '2015-01-01T00:00:00Z', end: '2015-02-01T00:00:00Z' } }),
      [],
    );
    const { error } = await call(hub, 'data.query', {
      device_ids: [kitchen.id, 'nobody'],
      time_range: evening,
    });
    assert.equal(error?.code, -32000);
  });
});
