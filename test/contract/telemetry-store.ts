import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  aggregations,
  type Point,
  type StoreQuery,
  type TelemetryStore,
} from '../../nodes/core/telemetry/ports.ts';
import type { Reading, ReadingValue } from '../../nodes/core/telemetry/types.ts';
import { killAtRandom } from '../support/kill-at-random.ts';
import { aggregateNaively, assertClose } from '../support/naive-telemetry.ts';
import { until } from '../support/until.ts';

export interface TelemetryStoreUnderTest {
  /** Opens the store that lives in this folder, the same one each time. */
  open: (folder: string) => Promise<TelemetryStore>;
  /**
   * A process that writes to the store in this folder without end (one device `d`, type `n`, unit `count`, reading i
   * at timestamp i with value i) and prints how many readings are acknowledged, a line each time. Absent where that is
   * promised by something else than the store.
   */
  spawnWriter?: (folder: string) => ChildProcess;
}

const reading = (timestamp: number, value: ReadingValue, more: Partial<Reading> = {}): Reading => ({
  device_id: 'd',
  measurement_type: 'temperature',
  timestamp,
  value,
  ...more,
});
const question = (more: Partial<StoreQuery> = {}): StoreQuery => ({
  device_ids: ['d'],
  start: 0,
  end: 10_000_000,
  limit: 10_000,
  ...more,
});
const brief = (points: readonly Point[]) =>
  points.map(({ timestamp, value, count }) => [timestamp, value, count]);

/** What every telemetry store promises. */
export function telemetryStoreContract(
  name: string,
  { open, spawnWriter }: TelemetryStoreUnderTest,
): void {
  describe(`${name} as a telemetry store`, () => {
    let folder: string;
    let store: TelemetryStore;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
      store = await open(folder);
    });
    afterEach(async () => {
      await store.close();
      await rm(folder, { recursive: true });
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await open(folder);
    };
    const rawPoints = async (more: Partial<StoreQuery> = {}) =>
      (await store.query(question(more))).series.map(({ points }) => brief(points));

    it('answers with the readings it was given, in the order of time', async () => {
      const result = await store.write([reading(3, 30), reading(1, 10), reading(2, 20)]);
      assert.deepEqual(result, { stored: 3, rejected: [] });
      assert.deepEqual(await rawPoints(), [
        [
          [1, 10, 1],
          [2, 20, 1],
          [3, 30, 1],
        ],
      ]);
    });

    it('takes the start of a range in and leaves its end out', async () => {
      await store.write([reading(1, 10), reading(2, 20), reading(3, 30)]);
      assert.deepEqual(await rawPoints({ start: 1, end: 3 }), [
        [
          [1, 10, 1],
          [2, 20, 1],
        ],
      ]);
    });

    it('keeps the last of several readings with the same time', async () => {
      await store.write([reading(1, 10), reading(1, 11)]);
      await Promise.all([
        store.write([reading(1, 12)]),
        store.write([reading(1, 13), reading(2, 20)]),
      ]);
      await reopen();
      assert.deepEqual(await rawPoints(), [
        [
          [1, 13, 1],
          [2, 20, 1],
        ],
      ]);
      await store.write([reading(2, 21), reading(0, 0)]);
      assert.deepEqual(await rawPoints(), [
        [
          [0, 0, 1],
          [1, 13, 1],
          [2, 21, 1],
        ],
      ]);
      assert.deepEqual((await store.query(question({ aggregation: 'sum' }))).series[0]?.points, [
        { timestamp: 0, value: 34, count: 3 },
      ]);
    });

    it('keeps numbers, text and booleans as they are, each series with one type', async () => {
      const values: ReadingValue[] = [
        -0.1,
        Number.MAX_SAFE_INTEGER,
        'ünï "\u0000" 😀',
        '',
        true,
        false,
      ];
      await store.write(
        values.map((value, i) => reading(i, value, { measurement_type: typeof value })),
      );
      const check = async (): Promise<void> => {
        const { series } = await store.query(question());
        assert.deepEqual(
          series.map(({ value_type, points }) => [value_type, points.map(({ value }) => value)]),
          [
            ['boolean', [true, false]],
            ['number', [-0.1, Number.MAX_SAFE_INTEGER]],
            ['string', ['ünï "\u0000" 😀', '']],
          ],
        );
      };
      await check();
      await reopen();
      await check();
    });

    it('rejects a reading of another type than its series, and stores the others', async () => {
      await store.write([reading(1, 10)]);
      const result = await store.write([reading(2, 20), reading(3, 'warm'), reading(4, true)]);
      assert.equal(result.stored, 1);
      assert.deepEqual(
        result.rejected.map(({ index }) => index),
        [1, 2],
      );
      assert.match(
        result.rejected[0]!.reason,
        /temperature is stored as number; the value is a string/,
      );
      assert.deepEqual(await rawPoints(), [
        [
          [1, 10, 1],
          [2, 20, 1],
        ],
      ]);
    });

    it('rejects what is no value or no time', async () => {
      const wrong = [
        reading(1, NaN),
        reading(1, Infinity),
        reading(NaN, 1),
        reading(1.5, 1),
        reading(9e15, 1),
      ];
      const none = reading(1, null as unknown as number);
      const { stored, rejected } = await store.write([...wrong, none]);
      assert.equal(stored, 0);
      assert.equal(rejected.length, 6);
      assert.deepEqual((await store.health()).series, 0);
    });

    it('finds a device with its sensors by the device, and one sensor by the sensor', async () => {
      await store.write([
        reading(1, 1),
        reading(1, 2, { sensor_id: 's1' }),
        reading(1, 3, { sensor_id: 's2' }),
        reading(1, 4, { device_id: 'other' }),
      ]);
      const owners = async (...device_ids: string[]) =>
        (await store.query(question({ device_ids }))).series.map(
          ({ device_id, sensor_id }) => `${device_id}/${sensor_id ?? ''}`,
        );
      assert.deepEqual(await owners('d'), ['d/', 'd/s1', 'd/s2']);
      assert.deepEqual(await owners('s2'), ['d/s2']);
      assert.deepEqual(await owners('s1', 'other', 'd'), ['d/', 'd/s1', 'd/s2', 'other/']);
      assert.deepEqual(await owners('nobody'), []);
      const latest = store.latest(['s1', 'other']).map(({ value }) => value);
      assert.deepEqual(latest.sort(), [2, 4]);
      assert.equal(store.latest().length, 4);
    });

    it('answers for the measurement types asked for, in the order device, sensor, type', async () => {
      const types = ['pressure', 'humidity', 'temperature'];
      await store.write(types.map((measurement_type) => reading(1, 1, { measurement_type })));
      const answer = await store.query(
        question({ measurement_types: ['temperature', 'humidity', 'x'] }),
      );
      assert.deepEqual(
        answer.series.map(({ measurement_type }) => measurement_type),
        ['humidity', 'temperature'],
      );
    });

    it('leaves out series and intervals without readings', async () => {
      await store.write([
        reading(0, 1),
        reading(5_000, 2),
        reading(1, 1, { measurement_type: 'late' }),
      ]);
      const { series } = await store.query(
        question({ start: 0, end: 9_000, aggregation: 'avg', interval: '1s' }),
      );
      assert.deepEqual(brief(series[1]!.points), [
        [0, 1, 1],
        [5_000, 2, 1],
      ]);
      assert.deepEqual(await rawPoints({ start: 2, end: 5_000 }), []);
    });

    it('gives one point for the whole range when an aggregation has no interval', async () => {
      await store.write([reading(1_500, 1), reading(90_000_000, 3)]);
      const { series } = await store.query(
        question({ start: 1_000, end: 1e9, aggregation: 'avg' }),
      );
      assert.deepEqual(brief(series[0]!.points), [[1_000, 2, 2]]);
    });

    it('gives the unit that was written last, and the newest reading from memory', async () => {
      await store.write([reading(5, 68, { unit: 'fahrenheit' })]);
      await store.write([
        reading(9, 20, { unit: 'celsius', quality: 'uncertain' }),
        reading(7, 19),
      ]);
      const expected = [
        {
          device_id: 'd',
          measurement_type: 'temperature',
          unit: 'celsius',
          value_type: 'number',
          timestamp: 9,
          value: 20,
          quality: 'uncertain',
        },
      ];
      assert.deepEqual(store.latest(), expected);
      await reopen();
      assert.deepEqual(store.latest(), expected);
      assert.equal((await store.query(question())).series[0]?.unit, 'celsius');
    });

    it('forgets a removed device with its sensors, and nothing else', async () => {
      const others = [
        reading(1, 1, { device_id: 'other' }),
        reading(1, 1, { device_id: 'x', sensor_id: 'd' }),
      ];
      await store.write([reading(1, 1), reading(1, 2, { sensor_id: 's' }), ...others]);
      await store.removeDevice('d');
      await store.removeDevice('nobody');
      assert.deepEqual(await rawPoints({ device_ids: ['s'] }), []);
      assert.equal(store.latest().length, 2);
      await reopen();
      assert.deepEqual(await rawPoints({ device_ids: ['d', 's', 'other', 'x'] }), [
        [[1, 1, 1]],
        [[1, 1, 1]],
      ]);
      await store.write([reading(2, 'now text')]);
      assert.deepEqual(await rawPoints({ device_ids: ['d'] }), [[[2, 'now text', 1]], [[1, 1, 1]]]);
    });

    it('forgets readings that are too old, per measurement type and for all others', async () => {
      const hour = 3_600_000;
      const types = ['short', 'long', 'other', '__proto__'];
      for (let i = 0; i < 10; i++)
        await store.write(
          types.map((measurement_type) => reading(i * hour, i, { measurement_type })),
        );
      await store.expire({ all: 3 * hour, by_type: { short: 5 * hour, long: 0 } });
      const check = async (): Promise<void> => {
        const { series } = await store.query(question({ end: 100 * hour }));
        assert.deepEqual(
          series.map(({ measurement_type, points }) => [measurement_type, points[0]?.timestamp]),
          [
            ['__proto__', 3 * hour],
            ['long', 0],
            ['other', 3 * hour],
            ['short', 5 * hour],
          ],
        );
        for (const aggregation of ['count', 'sum'] as const)
          for (const interval of [{}, { interval: '1d' }])
            assert.deepEqual(
              (await store.query(question({ end: 100 * hour, aggregation, ...interval }))).series
                .flatMap(({ points }) => points)
                .map(({ value }) => value),
              aggregation === 'count' ? [7, 10, 7, 5] : [42, 45, 42, 35],
            );
      };
      await check();
      await reopen();
      await check();
      await store.expire({ by_type: { other: 10 * hour } });
      assert.deepEqual(
        (await store.query(question({ end: 100 * hour }))).series.map((one) => one.points.length),
        [7, 10, 5],
      );
    });

    it('keeps newest readings that are young enough, and forgets those that are not', async () => {
      await store.write([reading(1_000, 1), reading(1, 2, { sensor_id: 's' })]);
      await store.expire({ all: 1_000, by_type: {} });
      const check = (): void =>
        assert.deepEqual(
          store.latest().map(({ timestamp, value }) => [timestamp, value]),
          [[1_000, 1]],
        );
      check();
      await reopen();
      check();
      await store.expire({ all: 1_001, by_type: {} });
      assert.deepEqual(store.latest(), []);
      await store.write([reading(5, 50)]);
      assert.deepEqual(await rawPoints(), [[[5, 50, 1]]]);
      assert.deepEqual(store.latest()[0]?.value, 50);
    });

    it('goes on taking readings while old ones are forgotten', async () => {
      await store.write(Array.from({ length: 5_000 }, (_, i) => reading(i, i)));
      const [, ...results] = await Promise.all([
        store.expire({ all: 4_000, by_type: {} }),
        ...Array.from({ length: 20 }, (_, i) => store.write([reading(10_000 + i, i)])),
      ]);
      assert.equal(
        results.reduce((sum, { stored }) => sum + stored, 0),
        20,
      );
      assert.equal((await rawPoints())[0]?.length, 1_020);
    });

    it('puts late, early and repeated readings where they belong, also into hours long over', async () => {
      const hour = 3_600_000;
      const inHour = (n: number, count: number): Reading[] =>
        Array.from({ length: count }, (_, i) => reading(n * hour + i * 60_000, n));
      for (const n of [5, 1, 80, 3, 30]) await store.write(inHour(n, 50));
      await reopen();
      const counts = async () =>
        (
          await store.query(question({ end: 100 * hour, aggregation: 'count', interval: '1d' }))
        ).series.flatMap(({ points }) => points.map(({ value }) => value));
      assert.deepEqual(await counts(), [150, 50, 50]);
      await store.write([...inHour(1, 60), ...inHour(2, 1), ...inHour(90, 1)]);
      assert.deepEqual(await counts(), [161, 50, 51]);
      await store.write([reading(hour, -1_000)]);
      const { series } = await store.query(
        question({ end: 100 * hour, aggregation: 'min', interval: '1d' }),
      );
      assert.equal(series[0]?.points[0]?.value, -1_000);
      assert.equal(store.latest()[0]?.timestamp, 90 * hour);
    });

    it('copies itself to a new file while it is written to, and overwrites none', async function () {
      if (!store.backup) this.skip();
      const copy = await mkdtemp(join(tmpdir(), 'telemetry-copy-'));
      let second: TelemetryStore | undefined;
      try {
        const backUp = async (to: string): Promise<void> => store.backup?.(to);
        const [file = ''] = (await readdir(folder)).filter((name) => /\.db$/.test(name));
        for (let i = 0; i < 50; i++) await store.write([reading(i, i), reading(i, 'text', {})]);
        const [, ...later] = await Promise.all([
          backUp(join(copy, file)),
          ...Array.from({ length: 20 }, (_, i) => store.write([reading(100 + i, i)])),
        ]);
        assert.equal(later.length, 20);
        await assert.rejects(backUp(join(copy, file)), /exists/);
        await assert.rejects(backUp(join(copy, 'no', file)));
        assert.deepEqual(await readdir(copy), [file]);
        second = await open(copy);
        const { series } = await second.query(question({ end: 100 }));
        assert.equal(series[0]?.points.length, 50);
        await second.write([reading(1_000, 1)]);
      } finally {
        await second?.close();
        await rm(copy, { recursive: true });
      }
      assert.equal((await rawPoints())[0]?.length, 70);
    });

    it('refuses to average text with -32602 that names the series', async () => {
      await store.write([reading(1, 'warm')]);
      await assert.rejects(store.query(question({ aggregation: 'avg' })), {
        code: -32602,
        message: /temperature of d is text/,
      });
      const { series } = await store.query(question({ aggregation: 'last' }));
      assert.deepEqual(brief(series[0]!.points), [[0, 'warm', 1]]);
    });

    it('refuses an interval, zone or cursor that makes no sense with -32602', async () => {
      await store.write([reading(1, 1)]);
      for (const wrong of [
        { interval: '1w' },
        { interval: '1h', time_zone: 'No/Where' },
        { cursor: 'x' },
      ])
        await assert.rejects(store.query(question({ aggregation: 'avg', ...wrong })), {
          code: -32602,
        });
    });

    it('pages through raw and aggregated answers without losing or repeating a point', async () => {
      const all = Array.from({ length: 90 }, (_, i) =>
        reading(i * 700, i, { sensor_id: `s${i % 3}`, measurement_type: `t${i % 2}` }),
      );
      await store.write(all);
      for (const kind of [
        {},
        { aggregation: 'avg', interval: '2s' },
        { aggregation: 'max' },
        { aggregation: 'median', interval: '2s' },
      ] as const) {
        const whole = await store.query(question(kind));
        assert.equal(whole.truncated, false);
        assert.equal(whole.cursor, undefined);
        const expected = whole.series.flatMap(({ points, ...key }) =>
          points.map((point) => ({ ...key, point })),
        );
        for (const limit of [1, 7, expected.length]) {
          const gathered: typeof expected = [];
          let cursor: string | undefined;
          do {
            const page = await store.query(question({ ...kind, limit, ...(cursor && { cursor }) }));
            const points = page.series.flatMap(({ points, ...key }) =>
              points.map((point) => ({ ...key, point })),
            );
            assert.ok(points.length <= limit);
            assert.equal(page.truncated, page.cursor !== undefined);
            gathered.push(...points);
            cursor = page.cursor;
          } while (cursor);
          assert.deepEqual(gathered, expected);
        }
      }
    });

    it('survives names that look like SQL, keys of objects or nothing', async () => {
      const names = [
        "'; DROP TABLE readings; --",
        '__proto__',
        'constructor',
        '%',
        'a/b#+',
        '\u0000',
      ];
      await store.write(
        names.map((device_id, i) => reading(1, i, { device_id, sensor_id: device_id })),
      );
      await reopen();
      for (const [i, device_id] of names.entries())
        assert.deepEqual(await rawPoints({ device_ids: [device_id] }), [[[1, i, 1]]]);
    });

    it('counts its readings and series and says that it is well', async () => {
      await store.write([reading(1, 1), reading(2, 1), reading(1, 1, { sensor_id: 's' })]);
      // A count that is cheap may lag behind.
      await until('all are counted', async () => (await store.health()).readings === 3);
      const { ok, series } = await store.health();
      assert.deepEqual({ ok, series }, { ok: true, series: 2 });
    });

    it('takes many calls at once and tells each what became of its own readings', async () => {
      const calls = Array.from({ length: 200 }, (_, i) =>
        store.write([reading(i, i), reading(i, 'no')]),
      );
      for (const result of await Promise.all(calls)) {
        assert.equal(result.stored, 1);
        assert.equal(result.rejected[0]?.index, 1);
      }
      assert.equal((await rawPoints())[0]?.length, 200);
    });

    it('finishes what is under way when it is closed, and refuses what comes later', async () => {
      const writes = Array.from({ length: 50 }, (_, i) => store.write([reading(i, i)]));
      await store.close();
      await Promise.all(writes);
      await assert.rejects(store.write([reading(99, 1)]), /closed/);
      await assert.rejects(store.query(question()), /closed/);
      store = await open(folder);
      assert.equal((await rawPoints())[0]?.length, 50);
    });

    const changes = [
      '2025-03-30T01:00:00Z',
      '2025-10-26T01:00:00Z',
      '2025-04-05T15:00:00Z',
      '2025-10-04T15:30:00Z',
    ];
    const zones = ['UTC', 'Europe/Brussels', 'Australia/Lord_Howe', 'Asia/Kolkata'];
    it('aggregates like a naive reference: duplicates, disorder, gaps and clock changes included', async function () {
      this.timeout(60_000);
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...changes),
          fc.array(
            fc.tuple(
              fc.integer({ min: -3_000, max: 3_000 }),
              fc.integer({ min: -99, max: 99 }),
              fc.nat(2),
            ),
            {
              minLength: 1,
              maxLength: 120,
            },
          ),
          fc.constantFrom(...aggregations),
          fc.constantFrom(...(['10m', '30m', '1h', '6h', '1d'] as const)),
          fc.constantFrom(...zones),
          fc.integer({ min: 1, max: 40 }),
          async (change, rows, aggregation, interval, time_zone, batch) => {
            const device_id = `d${run++}`;
            // Minutes around the change, so that times repeat.
            const readings = rows.map(([minutes, value, type]) =>
              reading(Date.parse(change) + minutes * 60_000, value, {
                device_id,
                measurement_type: `t${type}`,
              }),
            );
            for (let i = 0; i < readings.length; i += batch)
              await store.write(readings.slice(i, i + batch));
            const start = Date.parse(change) - 2_500 * 60_000;
            const end = Date.parse(change) + 2_500 * 60_000;
            const { series } = await store.query({
              ...{
                device_ids: [device_id],
                start,
                end,
                aggregation,
                interval,
                time_zone,
                limit: 10_000,
              },
            });
            const expected = naiveAnswer(readings, start, end, interval, time_zone);
            assert.deepEqual(
              series.flatMap(({ measurement_type, points }) =>
                points.map((p) => [measurement_type, p.timestamp, p.count]),
              ),
              expected.map(({ type, timestamp, values }) => [type, timestamp, values.length]),
            );
            for (const [i, { value }] of series.flatMap(({ points }) => points).entries())
              assertClose(value, aggregateNaively(aggregation, expected[i]!.values));
          },
        ),
        { numRuns: 60 },
      );
    });

    if (!spawnWriter) return;
    it('loses no acknowledged reading when its process is killed', async function () {
      this.timeout(60_000);
      await store.close();
      for (let round = 0; round < 3; round++) {
        const acknowledged = await killAtRandom(spawnWriter(folder));
        store = await open(folder);
        const { series } = await store.query(
          question({ measurement_types: ['n'], end: acknowledged, aggregation: 'count' }),
        );
        assert.equal(series[0]?.points[0]?.count, acknowledged);
        await store.close();
      }
      store = await open(folder);
    });
  });
}

/** The label of the local clock's interval an instant is in: what a person would write on a chart. */
function labelOf(instant: number, interval: string, zone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const [date, clock] = format.format(instant).split(' ') as [string, string];
  const [hour, minute] = clock.split(':').map(Number) as [number, number];
  if (interval === '1d') return date;
  if (interval === '6h') return `${date} ${Math.floor(hour / 6)}`;
  const width = { '10m': 10, '30m': 30, '1h': 60 }[interval]!;
  const offset = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  return `${date} ${hour}:${Math.floor(minute / width)} ${offset.format(instant).split(' ')[1]}`;
}

/** The expected points, by looking at every minute. */
function naiveAnswer(
  readings: readonly Reading[],
  start: number,
  end: number,
  interval: string,
  zone: string,
): { type: string; timestamp: number; values: ReadingValue[] }[] {
  const labels = new Map<number, string>();
  const label = (instant: number): string => {
    let found = labels.get(instant);
    if (found === undefined) labels.set(instant, (found = labelOf(instant, interval, zone)));
    return found;
  };
  const startOf = (instant: number): number => {
    let first = instant;
    while (label(first - 60_000) === label(instant)) first -= 60_000;
    return first;
  };
  const answer: { type: string; timestamp: number; values: ReadingValue[] }[] = [];
  for (const type of ['t0', 't1', 't2']) {
    const values = new Map<number, ReadingValue>();
    for (const { measurement_type, timestamp, value } of readings)
      if (measurement_type === type && timestamp >= start && timestamp < end)
        values.set(timestamp, value);
    for (const timestamp of [...values.keys()].sort((a, b) => a - b)) {
      const bucket = startOf(timestamp);
      const last = answer.at(-1);
      if (last?.type === type && last.timestamp === bucket)
        last.values.push(values.get(timestamp)!);
      else answer.push({ type, timestamp: bucket, values: [values.get(timestamp)!] });
    }
  }
  return answer;
}
