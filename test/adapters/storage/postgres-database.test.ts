import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createPostgresDatabase } from '../../../nodes/adapters/storage/postgres/postgres-database.ts';
import { createAggregator } from '../../../nodes/core/telemetry/aggregate.ts';
import { aggregations, type SeriesInfo } from '../../../nodes/core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue, ValueType } from '../../../nodes/core/telemetry/types.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';

const reading = (timestamp: number, value: ReadingValue, more: Partial<Reading> = {}): Reading => ({
  ...{ device_id: 'd', measurement_type: 'temperature', timestamp, value },
  ...more,
});
const seriesOf = (
  value_type: ValueType = 'number',
  more: Partial<SeriesInfo> = {},
): SeriesInfo => ({
  ...{ device_id: 'd', measurement_type: 'temperature', value_type },
  ...more,
});
const always = { start: -8.64e15, end: 8.64e15, limit: 10_000 };

describe('createPostgresDatabase', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let database: RemoteDatabase;
  let databases = 0;
  let opened: RemoteDatabase[];

  before(async function () {
    server = await startPostgresServer(this);
  });
  after(() => server.stop());
  const connect = (name = `hub${databases}`): RemoteDatabase => {
    const { url, username, password } = server;
    const one = createPostgresDatabase({ url, database: name, username, password });
    opened.push(one);
    return one;
  };
  beforeEach(async () => {
    opened = [];
    databases += 1;
    database = connect();
    assert.deepEqual(await database.open(), []);
  });
  afterEach(() => Promise.all(opened.map((one) => one.close())));
  const sql = (statement: string) => server.query(statement, `hub${databases}`);

  it('names product, version, address and database, and no credentials', () => {
    assert.match(database.name(), /^PostgreSQL \d+\.\d+.* at 127\.0\.0\.1:\d+, database hub\d+$/);
  });

  it('says in its name that the server does not wait for its disk', async () => {
    const careless = await startPostgresServer(undefined, ['fsync = off']);
    try {
      const { url, username, password } = careless;
      const other = createPostgresDatabase({ url, database: 'hub', username, password });
      opened.push(other);
      await other.open();
      assert.match(other.name(), /fsync is off/);
    } finally {
      await careless.stop();
    }
  });

  it('gives back any value, name and time it was given, also when it is opened again', async () => {
    const hostile = [
      "'; DROP TABLE llm_iot.readings; --",
      '\u0000',
      '\u0010',
      '\u00100000',
      '\ud800',
      '"\\{}NULL,',
      '😀',
      '',
    ];
    const times = [-8.64e15, -1, 0, 4_294_967_296, 8.64e15];
    const rows = hostile.flatMap((text) =>
      times.map((timestamp) =>
        reading(timestamp, text, {
          ...{ device_id: `d${text}`, sensor_id: `s${text}`, measurement_type: `m${text}` },
          ...{ unit: `u${text}`, quality: 'bad' },
        }),
      ),
    );
    assert.deepEqual(await database.write(rows), { rejected: [] });
    const again = connect();
    const found = await again.open();
    assert.equal(found.length, hostile.length);
    for (const text of hostile) {
      const series = seriesOf('string', {
        ...{ device_id: `d${text}`, sensor_id: `s${text}`, measurement_type: `m${text}` },
      });
      assert.deepEqual(
        found.find(({ device_id }) => device_id === `d${text}`),
        {
          ...series,
          unit: `u${text}`,
          latest: { timestamp: 8.64e15, value: text, quality: 'bad' },
        },
      );
      assert.deepEqual(
        await again.readings(series, { ...always, end: 8.64e15 + 1 }),
        times.map((timestamp) => ({ timestamp, value: text, count: 1 })),
      );
    }
  });

  it('keeps the quality of the last of several readings with the same time', async () => {
    await database.write([reading(3, 1, { quality: 'bad' }), reading(3, 1, { quality: 'good' })]);
    assert.equal((await connect().open())[0]?.latest?.quality, 'good');
    await database.write([reading(3, 1, { quality: 'uncertain' })]);
    assert.equal((await connect().open())[0]?.latest?.quality, 'uncertain');
  });

  it('does not write again what is there already', async () => {
    await database.write([reading(1, 10), reading(2, 'text', { measurement_type: 'note' })]);
    const versions = () => sql('SELECT ctid FROM llm_iot.readings');
    const before = await versions();
    await database.write([reading(1, 10), reading(2, 'text', { measurement_type: 'note' })]);
    assert.deepEqual(await versions(), before);
  });

  it('takes ten thousand readings of as many series at once', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => reading(i, i, { device_id: `d${i}` }));
    assert.deepEqual(await database.write(many), { rejected: [] });
    assert.equal(await database.count(), 10_000);
    const found = await connect().open();
    assert.equal(new Set(found.map(({ device_id }) => device_id)).size, 10_000);
  });

  it('rejects by position what another hub stores with another type, and what cannot be stored', async () => {
    const other = connect();
    await other.open();
    await other.write([reading(1, 'warm', { unit: 'words' })]);
    const { rejected } = await database.write([
      reading(1, 1, { unit: 'celsius' }),
      reading(2, 2, { measurement_type: 'fine' }),
      reading(3, 3, { device_id: 'x'.repeat(3_000) }),
      reading(NaN, 4),
    ]);
    const reasons = new Map(rejected.map(({ index, reason }) => [index, reason]));
    assert.equal(reasons.size, 3);
    assert.match(reasons.get(0)!, /temperature is stored as string; the value is a number/);
    assert.match(reasons.get(2)!, /2000 bytes/);
    assert.match(reasons.get(3)!, /timestamp/);
    assert.equal(await database.count(), 2);
    assert.equal((await connect().open())[0]?.unit, 'words');
  });

  it('stores everything but the readings that the server refuses', async () => {
    await sql('ALTER TABLE llm_iot.readings ADD CHECK (number < 100)');
    const mixed = Array.from({ length: 64 }, (_, i) => reading(i, i % 16 === 7 ? 100 : i));
    const { rejected } = await database.write(mixed);
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [7, 23, 39, 55],
    );
    assert.match(rejected[0]!.reason, /violates check constraint/);
    assert.equal(await database.count(), 60);
    const series = await connect().open();
    assert.equal(series.length, 1);
  });

  it('commits on the disk even where the server is told not to wait for it', async () => {
    await sql(`ALTER DATABASE hub${databases} SET synchronous_commit = off`);
    await sql(`CREATE TABLE seen (setting text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER INSERT ON llm_iot.readings EXECUTE FUNCTION see()`);
    const other = connect();
    await other.open();
    await other.write([reading(1, 1)]);
    assert.deepEqual(await sql('SELECT setting FROM seen'), [{ setting: 'on' }]);
  });

  it('counts exactly while there are few readings, and estimates past that', async () => {
    await database.write([reading(1, 1), reading(2, 2), reading(2, 3)]);
    assert.equal(await database.count(), 2);
    await sql(
      `INSERT INTO llm_iot.readings SELECT i, i, 1, 0 FROM generate_series(10, 400009) AS i`,
    );
    const unseen = (await database.count())!;
    assert.ok(Math.abs(unseen / 400_002 - 1) < 0.2, String(unseen));
    await sql('ANALYZE llm_iot.readings');
    const seen = (await database.count())!;
    assert.ok(Math.abs(seen / 400_002 - 1) < 0.01, String(seen));
  });

  describe('removeDevice and expire', () => {
    const stored = async () =>
      (await sql('SELECT series, timestamp FROM llm_iot.readings ORDER BY 1, 2')).length;

    it('deletes the many readings of a device in small steps', async () => {
      await database.write([reading(0, 1), reading(0, 1, { device_id: 'other' })]);
      await sql(`INSERT INTO llm_iot.readings SELECT i, i, id, 0 FROM generate_series(1, 25000) AS i,
        llm_iot.series WHERE device_id = 'd'`);
      await sql(`CREATE TABLE steps (gone integer);
        CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO public.steps SELECT count(*) FROM gone; RETURN NULL; END $$;
        CREATE TRIGGER step AFTER DELETE ON llm_iot.readings REFERENCING OLD TABLE AS gone
          EXECUTE FUNCTION step()`);
      await database.removeDevice('d');
      assert.equal(await stored(), 1);
      const steps = (await sql('SELECT gone FROM steps')).map(({ gone }) => Number(gone));
      assert.ok(Math.max(...steps) <= 10_000);
      assert.equal(
        steps.reduce((sum, gone) => sum + gone, 0),
        25_001,
      );
    });

    it('does not lose what another hub writes while a device is removed', async () => {
      const other = connect();
      await other.open();
      for (let round = 0; round < 5; round++) {
        await other.write([reading(round, round)]);
        await Promise.all([database.removeDevice('d'), other.write([reading(100 + round, 1)])]);
        await other.write([reading(200 + round, 1)]);
        const points = await database.readings(seriesOf(), always);
        assert.equal(points.at(-1)?.timestamp, 200 + round);
      }
    });

    it('forgets series that have no readings left, and lets them come back with another type', async () => {
      const other = connect();
      await other.open();
      await Promise.all([database.write([reading(1, 1)]), other.write([reading(2, 2)])]);
      await database.expire({ all: 10, by_type: {} });
      assert.deepEqual(await connect().open(), []);
      assert.deepEqual(await other.write([reading(11, 'now text')]), { rejected: [] });
      const { rejected } = await database.write([reading(12, 12)]);
      assert.match(rejected[0]!.reason, /is stored as string/);
    });

    it('takes limits between two milliseconds', async () => {
      const times = [1, 2, 3];
      const types = ['a', 'b'];
      await database.write(
        types.flatMap((measurement_type) => times.map((t) => reading(t, t, { measurement_type }))),
      );
      await database.expire({ all: 1.5, by_type: { b: 2.5 } });
      assert.equal(await stored(), 3);
    });

    it('goes on with a removal that was interrupted', async () => {
      await database.write([reading(1, 1), reading(1, 1, { device_id: 'other' })]);
      await sql("UPDATE llm_iot.series SET removed = true WHERE device_id = 'd'");
      await database.expire({ by_type: {} });
      assert.equal(await stored(), 1);
      assert.equal((await sql('SELECT FROM llm_iot.series')).length, 1);
    });
  });

  describe('aggregate', () => {
    const values: Record<ValueType, fc.Arbitrary<ReadingValue>> = {
      number: fc.oneof(
        fc
          .double({ min: -1e150, max: 1e150, noNaN: true })
          .map((x) => (Math.abs(x) < 1e-100 ? 0 : x)),
        fc.double({ min: -100, max: 100, noNaN: true }).map((x) => Math.round(x * 1e3) / 1e3),
        fc.integer({ min: 2 ** 52, max: 2 ** 53 - 1 }),
        fc.constantFrom(0.1, 1e9 + 0.25, 1e9 + 0.5),
      ),
      boolean: fc.boolean(),
      string: fc.string({ unit: 'binary' }),
    };

    it('gives the numbers of the aggregator for any values, buckets and pages', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc
            .constantFrom<ValueType>('number', 'number', 'number', 'boolean', 'string')
            .chain((type) =>
              fc.record({
                type: fc.constant(type),
                rows: fc.array(fc.tuple(fc.integer({ min: -500, max: 500 }), values[type]), {
                  ...{ minLength: 1, maxLength: 60 },
                }),
              }),
            ),
          fc.integer({ min: 1, max: 700 }),
          fc.integer({ min: -2_000, max: 2_000 }),
          fc.tuple(fc.integer({ min: -600, max: 0 }), fc.integer({ min: 1, max: 600 })),
          fc.integer({ min: 1, max: 9 }),
          async ({ type, rows }, width, origin, [start, end], limit) => {
            const series = seriesOf(type, { device_id: `d${run++}` });
            await database.write(
              rows.map(([at, value]) => reading(at, value, { device_id: series.device_id })),
            );
            const inRange = [...new Map(rows)]
              .filter(([at]) => at >= start && at < end)
              .sort(([a], [b]) => a - b);
            const buckets = Map.groupBy(
              inRange,
              ([at]) => origin + Math.floor((at - origin) / width) * width,
            );
            for (const aggregation of aggregations) {
              if (type === 'string' && !['count', 'first', 'last'].includes(aggregation)) continue;
              const points = await database.aggregate(series, aggregation, {
                ...{ start, end, width, origin, limit },
              });
              const expected = [...buckets].slice(0, limit);
              assert.deepEqual(
                points.map(({ timestamp, count }) => [timestamp, count]),
                expected.map(([bucket, { length }]) => [bucket, length]),
              );
              for (const [i, [, members]] of expected.entries()) {
                const aggregator = createAggregator(aggregation);
                for (const [, value] of members) aggregator.add(value);
                // What the values themselves are rounded to is all that may differ where they cancel each other out.
                const size = Math.max(
                  0,
                  ...members.map(([, value]) => Math.abs(Number(value) || 0)),
                );
                assertEqualNumbers(points[i]!.value, aggregator.take(), 1e-15 * size);
              }
            }
          },
        ),
        { numRuns: 150 },
      );
    });

    const whole = { start: 0, end: 1_000_000, width: 1_000_000, origin: 0, limit: 1 };
    const aggregateOf = async (values: readonly number[]) => {
      await database.write(values.map((value, i) => reading(i, value)));
      const answers: Record<string, ReadingValue | undefined> = {};
      for (const aggregation of aggregations)
        answers[aggregation] = (await database.aggregate(seriesOf(), aggregation, whole))[0]?.value;
      return answers;
    };

    it('is exact where large numbers cancel each other out', async () => {
      const { sum, avg, stddev } = await aggregateOf([1e16, 1, -1e16, 1]);
      assert.deepEqual([sum, avg], [2, 0.5]);
      assertEqualNumbers(stddev!, 1e16 * Math.sqrt(2 / 3));
    });

    it('is exact where readings hardly differ', async () => {
      const values = Array.from({ length: 1_000 }, (_, i) => 1.7e12 + (i % 2));
      const { stddev, median } = await aggregateOf(values);
      assertEqualNumbers(stddev!, Math.sqrt(0.25 * (1_000 / 999)));
      assert.equal(median, 1.7e12 + 0.5);
    });

    it('gives no deviation of readings that are all the same', async () => {
      const { stddev, avg } = await aggregateOf(Array.from({ length: 1_000 }, () => 0.1));
      assert.equal(stddev, 0);
      assertEqualNumbers(avg!, 0.1);
    });

    it('stays at the largest number where a sum is too large', async () => {
      const { MAX_VALUE } = Number;
      const { sum, avg, median, max, stddev } = await aggregateOf([MAX_VALUE, MAX_VALUE, -1, 0]);
      assert.deepEqual([sum, avg, max], [MAX_VALUE, MAX_VALUE / 4, MAX_VALUE]);
      assert.equal(median, MAX_VALUE / 2);
      assert.ok(Number.isFinite(stddev));
    });

    it('finds rare readings in a range of all times', async () => {
      const day = 86_400_000;
      await database.write([reading(-8.64e15, 1), reading(5 * day, 2), reading(8.64e15 - 1, 3)]);
      const points = await database.aggregate(seriesOf(), 'max', {
        ...{ start: -8.64e15, end: 8.64e15, width: 1_000, origin: 0, limit: 10 },
      });
      assert.deepEqual(
        points.map(({ timestamp, value }) => [timestamp, value]),
        [
          [-8.64e15, 1],
          [5 * day, 2],
          [8.64e15 - 1_000, 3],
        ],
      );
    });
  });
});

function assertEqualNumbers(actual: ReadingValue, expected: ReadingValue, allowed = 0): void {
  if (typeof expected !== 'number' || typeof actual !== 'number') {
    assert.equal(actual, expected);
    return;
  }
  const error = Math.abs(actual - expected);
  assert.ok(error <= allowed + 1e-9 * Math.abs(expected), `${actual} instead of ${expected}`);
}
