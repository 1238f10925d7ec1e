import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import {
  createSqliteTelemetryStore,
  type SqliteTelemetryOptions,
} from '../../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import { mergeRollups, rollupOf } from '../../../nodes/adapters/storage/sqlite/rollup.ts';
import {
  decodeValues,
  encodeValues,
  groupValues,
  medianOf,
} from '../../../nodes/adapters/storage/sqlite/sorted-values.ts';
import { createAggregator } from '../../../nodes/core/telemetry/aggregate.ts';
import {
  aggregations,
  type Point,
  type StoreQuery,
  type TelemetryStore,
} from '../../../nodes/core/telemetry/ports.ts';
import type { Reading, ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import { killAtRandom } from '../../support/kill-at-random.ts';
import { aggregateNaively, assertClose } from '../../support/naive-telemetry.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';
import { inTelemetryFile, untilRolledUp } from '../../support/telemetry-file.ts';
import { until } from '../../support/until.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const values = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -5, max: 5 }),
  fc.double({ min: 1e9, max: 1e9 + 1, noNaN: true }),
);

describe('rollupOf', () => {
  it('makes of parts what it makes of the whole', () => {
    const parts = fc.array(fc.array(values, { minLength: 1, maxLength: 50 }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(parts, (groups) => {
        const merged = groups
          .map((group) => rollupOf(Float64Array.from(group)))
          .reduce(mergeRollups);
        const whole = groups.flat();
        assert.equal(merged.count, whole.length);
        assertClose(merged.sum + merged.lost, aggregateNaively('sum', whole));
        assert.equal(merged.least, aggregateNaively('min', whole));
        assert.equal(merged.most, aggregateNaively('max', whole));
        assert.equal(merged.first, whole[0]);
        assert.equal(merged.last, whole.at(-1));
      }),
    );
  });

  it('keeps a spread that is small beside the values, however the readings are parted', () => {
    const spread = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 300 });
    fc.assert(
      fc.property(spread, fc.integer({ min: 1, max: 60 }), (thousandths, length) => {
        const around = (base: number) => thousandths.map((n) => base + n / 1024);
        const all = around(1e6);
        const groups = [];
        for (let i = 0; i < all.length; i += length) groups.push(all.slice(i, i + length));
        const { squares } = groups
          .map((group) => rollupOf(Float64Array.from(group)))
          .reduce(mergeRollups);
        // Those of the same values about 0, which lose nothing.
        const expected = Number(aggregateNaively('stddev', around(0))) ** 2 * (all.length - 1);
        assert.ok(Math.abs(squares - expected) <= 1e-9 * expected, `${squares} for ${expected}`);
      }),
    );
  });

  it('loses nothing of a sum in which nearly all cancels out', () => {
    const hours = [[1e16, 1], [1], [-1e16, 1]].map((group) => rollupOf(Float64Array.from(group)));
    const { sum, lost } = hours.reduce(mergeRollups);
    assert.equal(sum + lost, 3);
  });
});

describe('medianOf', () => {
  it('is the median of all values of all groups, to the last bit', () => {
    const groups = fc.array(fc.array(values, { minLength: 1, maxLength: 40 }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(groups, (all) => {
        const stored = all.map((group) =>
          decodeValues(encodeValues(groupValues(Float64Array.from(group).sort()))),
        );
        const whole = createAggregator('median');
        for (const value of all.flat()) whole.add(value);
        assert.ok(medianOf(stored) === whole.take());
      }),
    );
  });
});

/** As files were before there were rollups. */
const firstLayout = `
  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    sensor_id TEXT NOT NULL,
    measurement_type TEXT NOT NULL,
    unit TEXT,
    value_type TEXT NOT NULL,
    UNIQUE (device_id, sensor_id, measurement_type)
  );
  CREATE TABLE readings (
    series INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    number REAL,
    text TEXT,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series, timestamp)
  ) WITHOUT ROWID;
  CREATE TABLE hot (
    series INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    number REAL,
    text TEXT,
    quality INTEGER NOT NULL
  );
  CREATE TABLE removed (series INTEGER PRIMARY KEY);
  CREATE TABLE counters (readings INTEGER NOT NULL);
  INSERT INTO counters VALUES (0);
  PRAGMA application_id = 0x6c6c6d74;
  PRAGMA user_version = 1`;

type Block = { from: number; count: number; seconds: number; factor: number };
type Step = { write: Block } | { expire: number } | { settle: boolean } | { reopen: boolean };

describe('A SQLite telemetry store with rollups', () => {
  let folder: string;
  let file: string;
  let store: TelemetryStore;
  let plain: TelemetryStore;
  const hasty: Partial<SqliteTelemetryOptions> = {
    ...{ moveAtRows: 400, moveWhenIdleMs: 1, rollUpEveryMs: 1 },
  };
  const never: Partial<SqliteTelemetryOptions> = { rollUpEveryMs: 2 ** 30 };
  const start = Date.UTC(2025, 2, 29);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rollups-'));
    file = join(folder, 'rolled.db');
    store = await createSqliteTelemetryStore({ file, ...hasty });
    plain = await createSqliteTelemetryStore({ file: join(folder, 'plain.db'), ...never });
  });
  afterEach(async () => {
    await Promise.all([store.close(), plain.close()]);
    await rm(folder, { recursive: true });
  });

  const readings = (
    from: number,
    count: number,
    step: number,
    valueOf: (i: number) => ReadingValue = (i) => Math.sin(i) * 10 + 20,
    more: Partial<Reading> = {},
  ): Reading[] =>
    Array.from({ length: count }, (_, i) => ({
      ...{ device_id: 'd', measurement_type: 'n', timestamp: from + i * step, value: valueOf(i) },
      ...more,
    }));
  const write = async (batch: readonly Reading[]): Promise<void> => {
    await store.write(batch);
    await plain.write(batch);
  };
  const question = (more: Partial<StoreQuery>): StoreQuery => ({
    ...{ device_ids: ['d'], measurement_types: ['n'], limit: 10_000 },
    ...{ start: start - 30 * day, end: start + 400 * day },
    ...more,
  });
  const pointsOf = async (
    one: TelemetryStore,
    query: Partial<StoreQuery>,
    limit: number,
  ): Promise<Point[]> => {
    const points: Point[] = [];
    let cursor: string | undefined;
    do {
      const answer = await one.query(question({ ...query, limit, ...(cursor && { cursor }) }));
      points.push(...answer.series.flatMap((series) => series.points));
      cursor = answer.cursor;
    } while (cursor);
    return points;
  };
  const assertSame = async (query: Partial<StoreQuery>, limit = 10_000): Promise<void> => {
    const rolled = await pointsOf(store, query, limit);
    const read = await pointsOf(plain, query, 10_000);
    const brief = (points: readonly Point[]) =>
      points.map(({ timestamp, count }) => [timestamp, count]);
    assert.deepEqual(brief(rolled), brief(read), JSON.stringify(query));
    for (const [i, { value }] of rolled.entries()) assertClose(value, read[i]?.value ?? NaN);
  };
  const assertAllSame = async (more: Partial<StoreQuery> = {}): Promise<void> => {
    for (const aggregation of aggregations)
      for (const interval of ['1h', '5h', '1d', '7d', undefined])
        await assertSame({ aggregation, ...(interval && { interval }), ...more });
  };

  it('answers from rollups of whole hours and days what it answers from readings', async () => {
    await write(readings(start + 20 * minute, 5 * 24 * 60, minute));
    await untilRolledUp(file);
    inTelemetryFile(file, (count) => {
      assert.equal(count('hourly'), 5 * 24);
      assert.equal(count('hourly_values'), 5 * 24);
      assert.equal(count('daily'), 5);
    });
    for (const time_zone of ['UTC', 'Europe/Brussels', 'Asia/Kolkata', 'Australia/Lord_Howe'])
      await assertAllSame({ time_zone });
    await assertAllSame({ start: start + 90 * minute + 1, end: start + 3 * day - 7 });
  });

  it('keeps text and booleans as they are, also from rollups', async () => {
    await write(readings(start, 3 * 24 * 60, minute, (i) => `text ${i}`));
    await write(readings(start, 3 * 24 * 60, minute, (i) => i % 3 === 0, { device_id: 'b' }));
    await untilRolledUp(file);
    inTelemetryFile(file, (count) => assert.equal(count('daily'), 4));
    for (const aggregation of ['count', 'first', 'last'] as const)
      for (const interval of ['1h', '1d', undefined])
        await assertSame({ aggregation, ...(interval && { interval }) });
    await assertAllSame({ device_ids: ['b'] });
  });

  it('reads what has too few readings for a rollup, and what is too large to compute with', async () => {
    await write(readings(start, 300, hour / 3));
    await write(readings(start + 2 * day, 600, minute));
    await write(readings(start + 3 * day, 600, minute, (i) => (i % 2 ? 1 : -1) * 1e300));
    await write(readings(start + 4 * day, 1, minute));
    await untilRolledUp(file);
    inTelemetryFile(file, (count) => {
      assert.equal(count('hourly'), 10);
      assert.equal(count('daily'), 3);
    });
    await assertAllSame({ end: start + 3 * day });
    await assertAllSame({ start: start + 3 * day, time_zone: 'Europe/Brussels' });
  });

  it('sees a late reading, a corrected one and one of a new hour at once', async () => {
    await write(readings(start, 3 * 24 * 60, minute));
    await untilRolledUp(file);
    for (const late of [
      readings(start + 90_500, 1, 1, () => 1e6),
      readings(start + day, 70, minute, () => -1e6),
      readings(start - 2 * day, 1, 1),
      readings(start + 5 * day, 1, 1),
    ]) {
      await write(late);
      await assertAllSame({});
      await untilRolledUp(file);
      await assertAllSame({});
    }
  });

  it('goes through what was there before rollups were, in files of the first layout too', async () => {
    await store.close();
    await rm(file);
    const old = new DatabaseSync(file);
    old.exec(firstLayout);
    old.exec(`INSERT INTO series VALUES (7, 'd', '', 'n', NULL, 'number')`);
    const put = (table: string, { timestamp, value }: Reading): unknown =>
      old.prepare(`INSERT INTO ${table} VALUES (7, ?, ?, NULL, 0)`).run(timestamp, value as number);
    const [settled, waiting] = [readings(start, 4_000, minute), readings(start, 5_000, minute)];
    old.exec('BEGIN');
    for (const one of settled) put('readings', one);
    for (const one of waiting.slice(3_900)) put('hot', { ...one, value: 1 });
    old.exec('UPDATE counters SET readings = 4000; COMMIT');
    old.close();
    await plain.write(settled);
    await plain.write(waiting.slice(3_900).map((one) => ({ ...one, value: 1 })));

    store = await createSqliteTelemetryStore({ file, ...hasty });
    assert.equal((await store.health()).readings, 5_000);
    await assertAllSame();
    await untilRolledUp(file);
    inTelemetryFile(file, (count) => assert.equal(count('daily'), 3));
    await assertAllSame();
    assert.equal(store.latest()[0]?.timestamp, start + 4_999 * minute);
  });

  it('forgets the rollups of what is forgotten', async () => {
    await write(readings(start, 4 * 24 * 60, minute));
    await write(readings(start, 4 * 24 * 60, minute, (i) => i, { device_id: 'gone' }));
    await untilRolledUp(file);
    for (const before of [start + 30 * minute, start + 2 * day + hour]) {
      for (const one of [store, plain]) await one.expire({ all: before, by_type: {} });
      await assertAllSame();
      await untilRolledUp(file);
      await assertAllSame();
    }
    await store.removeDevice('gone');
    await store.expire({ all: start + 40 * day, by_type: {} });
    const tables = ['readings', 'removed', 'hourly', 'hourly_values', 'daily'];
    await until('nothing is left', () =>
      inTelemetryFile(file, (count) => tables.every((table) => count(table) === 0)),
    );
  });

  it('has no rollup that is not true to the readings after its process was killed', async function () {
    this.timeout(60_000);
    await store.close();
    const crashed = join(folder, 'crashed');
    await mkdir(crashed);
    file = join(crashed, 'telemetry.db');
    for (let round = 0; round < 3; round++) {
      const acknowledged = await killAtRandom(
        spawnDurableWriter('rollups', crashed),
        15_000,
        20_000,
      );
      store = await createSqliteTelemetryStore({ file, ...never });
      const whole = { start: 0, end: 1e12, limit: 1e6 };
      const [readings] = (await store.query(question(whole))).series;
      assert.ok(readings!.points.length >= acknowledged);
      inTelemetryFile(file, (count) => assert.ok(count('hourly') > 0));
      const days = Map.groupBy(readings!.points, ({ timestamp }) => Math.floor(timestamp / day));
      for (const aggregation of aggregations) {
        const { series } = await store.query(question({ ...whole, aggregation, interval: '1d' }));
        for (const { timestamp, value, count } of series[0]?.points ?? []) {
          const values = days.get(timestamp / day)!.map((point) => point.value);
          assert.equal(count, values.length);
          assertClose(value, aggregateNaively(aggregation, values));
        }
      }
      await store.close();
    }
    store = await createSqliteTelemetryStore({ file });
  });

  const block = fc.record({
    /** Minutes from the start. */
    from: fc.integer({ min: -3 * 1440, max: 4 * 1440 }),
    count: fc.integer({ min: 1, max: 1_500 }),
    seconds: fc.constantFrom(7, 30, 60, 61, 1_200),
    factor: fc.constantFrom(1, 1e-3, 1e6),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ write: block }) },
    { weight: 3, arbitrary: fc.constant({ settle: true }) },
    { weight: 1, arbitrary: fc.record({ expire: fc.integer({ min: -1440, max: 1440 }) }) },
    { weight: 1, arbitrary: fc.constant({ reopen: true }) },
  );
  const asked = fc.record({
    aggregation: fc.constantFrom(...aggregations),
    interval: fc.constantFrom('1h', '3h', '1d', '7d', undefined),
    time_zone: fc.constantFrom('UTC', 'Europe/Brussels', 'Asia/Kolkata', 'America/St_Johns'),
    from: fc.integer({ min: -3 * 1440, max: 1440 }),
    minutes: fc.integer({ min: 1, max: 6 * 1440 }),
    limit: fc.constantFrom(7, 10_000),
  });
  it('answers like a store without rollups, whatever is written, forgotten and asked in between', async function () {
    this.timeout(120_000);
    let run = 0;
    const perform = async (device_id: string, one: Step): Promise<void> => {
      if ('write' in one) {
        const { from, count, seconds, factor } = one.write;
        const valueOf = (i: number): number => Math.sin(i * seconds) * factor;
        await write(readings(start + from * minute, count, seconds * 1000, valueOf, { device_id }));
      } else if ('expire' in one) {
        const times = { all: start + one.expire * minute, by_type: {} };
        await Promise.all([store.expire(times), plain.expire(times)]);
      } else if ('settle' in one) await untilRolledUp(file);
      else {
        await store.close();
        store = await createSqliteTelemetryStore({ file, ...hasty });
      }
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(step, asked), { minLength: 1, maxLength: 10 }),
        async (steps) => {
          const device_id = `d${run++}`;
          for (const [one, { from, minutes, interval, limit, ...more }] of steps) {
            await perform(device_id, one);
            const range = { start: start + from * minute, end: start + (from + minutes) * minute };
            const query = { device_ids: [device_id], ...range, ...more };
            await assertSame({ ...query, ...(interval && { interval }) }, limit);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
