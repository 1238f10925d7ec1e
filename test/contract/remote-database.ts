import assert from 'node:assert/strict';
import fc from 'fast-check';
import { aggregations, type SeriesInfo } from '../../nodes/core/telemetry/ports.ts';
import type { RemoteDatabase, Segment } from '../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue, ValueType } from '../../nodes/core/telemetry/types.ts';
import { aggregateNaively, assertClose } from '../support/naive-telemetry.ts';

const minute = 60_000;
const whole = { start: -8.64e15, end: 8.64e15, limit: 10_000 };

const reading = (timestamp: number, value: ReadingValue, more: Partial<Reading> = {}): Reading => ({
  device_id: 'd',
  measurement_type: 'temperature',
  timestamp,
  value,
  ...more,
});
const seriesOf = ({ device_id, sensor_id, measurement_type, value }: Reading): SeriesInfo => ({
  device_id,
  ...(sensor_id !== undefined && { sensor_id }),
  measurement_type,
  value_type: typeof value as ValueType,
});

/** What every telemetry database elsewhere promises the store in front of it. */
export function remoteDatabaseContract(
  name: string,
  /** Opens the same database each time within a test, and an empty one in the next. */
  connect: () => Promise<RemoteDatabase>,
  /** Whether it can express every time a `Date` can. */
  anyTime = false,
): void {
  describe(`${name} as a telemetry database elsewhere`, () => {
    let database: RemoteDatabase;
    beforeEach(async () => {
      database = await connect();
      assert.deepEqual(await database.open(), []);
    });
    afterEach(() => database.close());

    const reopened = async () => {
      await database.close();
      database = await connect();
      return database.open();
    };
    const write = async (...readings: Reading[]): Promise<void> =>
      assert.deepEqual(await database.write(readings), { rejected: [] });
    const valuesOf = async (one: Reading, range: Partial<typeof whole> = {}) =>
      (await database.readings(seriesOf(one), { ...whole, ...range })).map((point) => [
        point.timestamp,
        point.value,
      ]);

    it('gives the first readings of a range in the order of time', async () => {
      await write(...[5, 3, 1, 4, 2].map((time) => reading(time, time * 10)));
      await write(reading(3, 1, { sensor_id: 's' }), reading(3, 2, { measurement_type: 'x' }));
      assert.deepEqual(
        await database.readings(seriesOf(reading(0, 0)), { start: 2, end: 5, limit: 2 }),
        [
          { timestamp: 2, value: 20, count: 1 },
          { timestamp: 3, value: 30, count: 1 },
        ],
      );
      assert.equal((await valuesOf(reading(0, 0))).length, 5);
      assert.deepEqual(await valuesOf(reading(0, 0, { sensor_id: 's' })), [[3, 1]]);
      assert.deepEqual(await valuesOf(reading(0, 0), { start: 5, end: 5 }), []);
      assert.deepEqual(await valuesOf(reading(0, 0, { device_id: 'nobody' })), []);
    });

    it('keeps the last of several readings with the same time, also within one call', async () => {
      await write(reading(1, 10), reading(1, 11), reading(2, 20));
      await write(reading(1, 12));
      assert.deepEqual(await valuesOf(reading(0, 0)), [
        [1, 12],
        [2, 20],
      ]);
      await write(reading(2, 21), reading(2, 22));
      assert.deepEqual(
        await database.aggregate(seriesOf(reading(0, 0)), 'sum', {
          ...{ start: 0, end: 10, width: 10, origin: 0, limit: 1 },
        }),
        [{ timestamp: 0, value: 34, count: 2 }],
      );
    });

    it('lists series with their type, unit and newest reading', async () => {
      await write(
        reading(1, 10, { unit: 'kelvin' }),
        reading(2, 20, { unit: 'celsius', quality: 'bad' }),
        reading(7, 'warm', { sensor_id: 's', quality: 'uncertain' }),
        reading(9, false, { measurement_type: 'on' }),
        reading(8, true, { measurement_type: 'on' }),
      );
      const byName = <T extends { sensor_id?: string; measurement_type: string }>(all: T[]): T[] =>
        all.toSorted((a, b) =>
          `${a.measurement_type} ${a.sensor_id}` < `${b.measurement_type} ${b.sensor_id}` ? -1 : 1,
        );
      assert.deepEqual(byName(await reopened()), [
        {
          ...{ device_id: 'd', measurement_type: 'on', value_type: 'boolean' },
          latest: { timestamp: 9, value: false, quality: 'good' },
        },
        {
          ...{ device_id: 'd', sensor_id: 's', measurement_type: 'temperature' },
          value_type: 'string',
          latest: { timestamp: 7, value: 'warm', quality: 'uncertain' },
        },
        {
          ...{ device_id: 'd', measurement_type: 'temperature', unit: 'celsius' },
          value_type: 'number',
          latest: { timestamp: 2, value: 20, quality: 'bad' },
        },
      ]);
      await write(reading(2, 21));
      const [, , temperature] = byName(await reopened());
      assert.deepEqual(temperature?.latest, { timestamp: 2, value: 21, quality: 'good' });
      assert.equal(temperature.unit, 'celsius');
    });

    it('keeps numbers to the last bit, and any text', async () => {
      const numbers = [
        ...[0, -0.1, 1 / 3, Number.MAX_SAFE_INTEGER, 5e-324, 1.7976931348623157e308, -1e-7, 1e21],
      ];
      const texts = [
        '',
        ' ',
        '"',
        '\\',
        'a\nb\r\tc',
        'ünï😀',
        '\u0000',
        '\ud800',
        '%25%',
        'a,b="c"',
      ];
      await write(...numbers.map((value, i) => reading(i, value)));
      await write(...texts.map((value, i) => reading(i, value, { measurement_type: 'said' })));
      const kept = async (one: Reading) => (await valuesOf(one)).map(([, value]) => value);
      assert.deepEqual(await kept(reading(0, 0)), numbers);
      assert.deepEqual(await kept(reading(0, '', { measurement_type: 'said' })), texts);
    });

    it('lets nothing in a name or value reach its language', async () => {
      const hostile = [
        '"; from(bucket: "b") |> drop(',
        "' OR 1=1 --",
        '") or true) //',
        '${1+1}',
        '$device_id',
        'a\nd,measurement_type=t number=1 1',
        'a\\',
        '\\"',
        'a b,c=d',
        '%',
        '%00',
        '\u0000',
        '"',
        '😀'.repeat(40),
        '__proto__',
      ];
      const all = hostile.flatMap((text, i) => [
        reading(1, i, { device_id: text }),
        reading(1, i, { sensor_id: text }),
        reading(1, i, { measurement_type: text, unit: text }),
        reading(i, text, { measurement_type: 'said' }),
      ]);
      await write(...all);
      for (const one of all)
        assert.deepEqual(
          await valuesOf(one, { start: one.timestamp, end: one.timestamp + 1 }),
          [[one.timestamp, one.value]],
          JSON.stringify(one),
        );
      const listed = await reopened();
      assert.equal(listed.length, 3 * hostile.length + 1);
      for (const text of hostile) {
        assert.ok(listed.some(({ device_id }) => device_id === text));
        assert.ok(listed.some(({ sensor_id }) => sensor_id === text));
        assert.ok(listed.some((one) => one.measurement_type === text && one.unit === text));
        await database.removeDevice(text);
      }
      assert.equal((await reopened()).length, 2 * hostile.length + 1);
    });

    if (!anyTime)
      it('refuses readings at times it cannot express, and cuts ranges to those it can', async () => {
        const times = [-9.2e12, 0, 9.2e12];
        const { rejected } = await database.write([
          reading(8.64e15, 1),
          ...times.map((time) => reading(time, 2)),
          reading(-8.64e15, 3),
        ]);
        assert.deepEqual(
          rejected.map(({ index }) => index),
          [0, 4],
        );
        assert.deepEqual(
          (await valuesOf(reading(0, 0))).map(([time]) => time),
          times,
        );
        const series = seriesOf(reading(0, 0));
        const segment = {
          start: -8.64e15,
          end: 8.64e15,
          width: 1.728e16,
          origin: -8.64e15,
          limit: 2,
        };
        assert.deepEqual(await database.aggregate(series, 'count', segment), [
          { timestamp: -8.64e15, value: 3, count: 3 },
        ]);
        for (const range of [
          { start: 8.6e15, end: 8.64e15 },
          { start: -8.64e15, end: -8.6e15 },
        ]) {
          assert.deepEqual(await valuesOf(reading(0, 0), range), []);
          const past = { ...range, width: 1e9, origin: 0, limit: 5 };
          assert.deepEqual(await database.aggregate(series, 'avg', past), []);
        }
      });

    it('gives the first buckets that hold readings, each with its own start', async () => {
      await write(...[1, 61, 62, 600, 3_000].map((s) => reading(s * 1_000, s)));
      const segment = { start: 30_000, end: 100 * minute, width: minute, origin: 15_000 };
      const points = await database.aggregate(seriesOf(reading(0, 0)), 'avg', {
        ...segment,
        limit: 2,
      });
      assert.deepEqual(points, [
        { timestamp: 15_000, value: 61.5, count: 2 },
        { timestamp: 555_000, value: 600, count: 1 },
      ]);
    });

    it('aggregates like the plain formulas, whatever the buckets', async function () {
      this.timeout(120_000);
      let run = 0;
      const values: Record<string, fc.Arbitrary<ReadingValue>> = {
        number: fc.oneof(
          fc.integer({ min: -99, max: 99 }),
          fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        ),
        boolean: fc.boolean(),
        text: fc.string({ maxLength: 5 }),
      };
      const rows = fc.constantFrom(...Object.keys(values)).chain((kind) =>
        fc.uniqueArray(fc.tuple(fc.integer({ min: -5_000, max: 5_000 }), values[kind]!), {
          selector: ([time]) => time,
          minLength: 1,
          maxLength: 40,
        }),
      );
      const segments = fc.record({
        start: fc.integer({ min: -6_000, max: 4_000 }),
        length: fc.integer({ min: 1, max: 10_000 }),
        width: fc.constantFrom(1, 7, 100, 900, 3_600, 20_000),
        origin: fc.integer({ min: -10_000, max: 10_000 }),
        limit: fc.constantFrom(1, 3, 10_000),
      });
      const around = Date.UTC(2025, 2, 30, 1);
      await fc.assert(
        fc.asyncProperty(
          rows,
          segments,
          fc.integer({ min: 1, max: 1_000 }),
          async (all, part, scale) => {
            const device_id = `run ${run++}`;
            const readings = all.map(([time, value]) =>
              reading(around + time * scale, value, { device_id }),
            );
            await write(...readings);
            const segment = {
              start: around + part.start * scale,
              end: around + (part.start + part.length) * scale,
              width: part.width * scale,
              origin: around + part.origin * scale,
            };
            for (const aggregation of aggregations) {
              if (typeof readings[0]!.value === 'string' && !/count|first|last/.test(aggregation))
                continue;
              const points = await database.aggregate(seriesOf(readings[0]!), aggregation, {
                ...segment,
                limit: part.limit,
              });
              const expected = bucketsOf(readings, segment).slice(0, part.limit);
              assert.deepEqual(
                points.map(({ timestamp, count }) => [timestamp, count]),
                expected.map(([start, bucket]) => [start, bucket.length]),
              );
              for (const [i, { value }] of points.entries())
                assertClose(value, aggregateNaively(aggregation, expected[i]![1]), aggregation);
            }
          },
        ),
        { numRuns: 60 },
      );
    });

    it('keeps what is too large to add up within the numbers there are', async () => {
      await write(reading(1, 1.7e308), reading(2, 1.7e308));
      const segment = { start: 0, end: 10, width: 10, origin: 0, limit: 1 };
      const [sum] = await database.aggregate(seriesOf(reading(0, 0)), 'sum', segment);
      assert.equal(sum?.value, Number.MAX_VALUE);
    });

    it('forgets a removed device with its sensors, and takes it in again', async () => {
      await write(
        reading(1, 1),
        reading(1, 2, { sensor_id: 's' }),
        reading(1, 3, { device_id: 'other', sensor_id: 'd' }),
      );
      await database.removeDevice('d');
      await database.removeDevice('nobody');
      assert.deepEqual(await valuesOf(reading(0, 0)), []);
      assert.deepEqual(await valuesOf(reading(0, 0, { sensor_id: 's' })), []);
      assert.deepEqual(
        (await reopened()).map(({ device_id }) => device_id),
        ['other'],
      );
      // The same times again, and another type than before.
      await write(reading(1, 5, { sensor_id: 's' }), reading(2, 'text now'));
      const check = async (): Promise<void> => {
        assert.deepEqual(await valuesOf(reading(0, 0, { sensor_id: 's' })), [[1, 5]]);
        assert.deepEqual(await valuesOf(reading(0, 'text now')), [[2, 'text now']]);
      };
      await check();
      assert.equal((await reopened()).length, 3);
      await check();
      await database.removeDevice('d');
      assert.deepEqual(await valuesOf(reading(0, 0, { sensor_id: 's' })), []);
      assert.equal((await reopened()).length, 1);
    });

    it('forgets what is too old, by type, and takes late readings until the next time', async () => {
      const types = ['short', 'long', 'other', 'a "b",c'];
      await write(
        ...types.flatMap((measurement_type) =>
          [0, 1, 2, 3, 4].map((time) => reading(time, time, { measurement_type })),
        ),
      );
      const timesOf = async (measurement_type: string) =>
        (await valuesOf(reading(0, 0, { measurement_type }))).map(([time]) => time);
      const all = async () => Promise.all(types.map(timesOf));
      await database.expire({ all: 2, by_type: { short: 4, long: 0, unknown: 9 } });
      const left = [[4], [0, 1, 2, 3, 4], [2, 3, 4], [2, 3, 4]];
      assert.deepEqual(await all(), left);
      await reopened();
      assert.deepEqual(await all(), left);
      const sums = await database.aggregate(
        seriesOf(reading(0, 0, { measurement_type: 'other' })),
        'sum',
        { start: 0, end: 10, width: 10, origin: 0, limit: 5 },
      );
      assert.deepEqual(sums, [{ timestamp: 0, value: 9, count: 3 }]);

      await write(
        reading(1, 10, { measurement_type: 'other' }),
        reading(3, 30, { measurement_type: 'other' }),
      );
      const late = [
        [1, 10],
        [2, 2],
        [3, 30],
        [4, 4],
      ];
      assert.deepEqual(await valuesOf(reading(0, 0, { measurement_type: 'other' })), late);
      await reopened();
      assert.deepEqual(await valuesOf(reading(0, 0, { measurement_type: 'other' })), late);
      await database.expire({ all: 3, by_type: {} });
      assert.deepEqual(await all(), [[4], [3, 4], [3, 4], [3, 4]]);
      await database.expire({ by_type: { other: 9 } });
      const listed = (await reopened()).map(({ measurement_type }) => measurement_type);
      assert.deepEqual(listed.sort(), ['a "b",c', 'long', 'short']);
    });

    it('counts its readings', async () => {
      await write(reading(1, 1), reading(1, 2), reading(2, true, { measurement_type: 'on' }));
      assert.equal(await database.count(), 2);
    });

    it('says what and where it is, without anything secret', async () => {
      assert.match(database.name(), /^(InfluxDB|PostgreSQL|Memory) /);
      assert.doesNotMatch(database.name(), /secret|token-|password/);
      await database.close();
      await assert.rejects(database.write([reading(1, 1)]));
      database = await connect();
    });
  });
}

/** Values by the start of their bucket, in the order of time. */
function bucketsOf(
  readings: readonly Reading[],
  { start, end, width, origin }: Segment,
): [number, ReadingValue[]][] {
  const buckets = new Map<number, ReadingValue[]>();
  for (const { timestamp, value } of readings.toSorted((a, b) => a.timestamp - b.timestamp)) {
    if (timestamp < start || timestamp >= end) continue;
    const bucket = origin + Math.floor((timestamp - origin) / width) * width;
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), value]);
  }
  return [...buckets];
}
