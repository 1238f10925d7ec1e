import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createInflux1Database } from '../../nodes/adapters/storage/influx/influx1-database.ts';
import { createInflux2Database } from '../../nodes/adapters/storage/influx/influx2-database.ts';
import { createInflux3Database } from '../../nodes/adapters/storage/influx/influx3-database.ts';
import { createPostgresDatabase } from '../../nodes/adapters/storage/postgres/postgres-database.ts';
import { createSpooledTelemetryStore } from '../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { createSqliteTelemetryStore } from '../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import { RpcError } from '../../nodes/core/rpc/errors.ts';
import {
  aggregations,
  type StoreAnswer,
  type StoreQuery,
  type TelemetryStore,
} from '../../nodes/core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../nodes/core/telemetry/remote.ts';
import type { Reading, ReadingValue } from '../../nodes/core/telemetry/types.ts';
import { systemClock } from '../../nodes/runtime/system.ts';
import { organization, startInflux2Server } from '../support/influx2-server/influx2-server.ts';
import {
  startInflux3Server,
  type Influx3Server,
} from '../support/influx3-server/influx3-server.ts';
import { startInfluxd } from '../support/influxd.ts';
import { acceptNaively, answerNaively, isSenseless } from '../support/naive-answer.ts';
import { aggregateNaively, assertClose } from '../support/naive-telemetry.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { inTelemetryFile, untilRolledUp } from '../support/telemetry-file.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** When a clock is changed, and whose. */
const changes = [
  ['Europe/Brussels', '2025-03-30T01:00:00Z'],
  ['Europe/Brussels', '2025-10-26T01:00:00Z'],
  ['America/New_York', '2025-03-09T07:00:00Z'],
  ['America/New_York', '2025-11-02T06:00:00Z'],
  ['Australia/Lord_Howe', '2025-04-05T15:00:00Z'],
  ['Australia/Lord_Howe', '2025-10-04T15:30:00Z'],
  ['UTC', '2025-06-30T23:59:30Z'],
] as const;

/** What one device measures, and what its numbers are a multiple of. */
const measured = {
  whole: { scale: 1, values: fc.integer({ min: -99, max: 99 }) },
  decimal: { scale: 1, values: fc.double({ min: -1_000, max: 1_000, noNaN: true }) },
  tiny: { scale: 2 ** -60, values: fc.double({ min: -1, max: 1, noNaN: true }) },
  large: { scale: 2 ** 80, values: fc.integer({ min: -1_000_000, max: 1_000_000 }) },
  // Close to each other beside how large they are.
  pressure: { scale: 1, values: fc.integer({ min: 0, max: 999 }).map((n) => 1e6 + n / 1_024) },
  constant: { scale: 1, values: fc.constant(21.7) },
  open: { scale: 1, values: fc.boolean() },
  text: { scale: 1, values: fc.string({ unit: 'grapheme', maxLength: 8 }) },
} satisfies Record<string, { scale: number; values: fc.Arbitrary<ReadingValue> }>;
type Measured = keyof typeof measured;
const types = Object.keys(measured) as Measured[];

/** One reading, its time in milliseconds from the clock change. */
interface Entry {
  type: Measured;
  sensor: string | undefined;
  time: number;
  value: ReadingValue;
  unit: string | undefined;
}

const valueOf = (type: Measured): fc.Arbitrary<ReadingValue> => {
  const { scale, values } = measured[type];
  return (values as fc.Arbitrary<ReadingValue>).map((value) =>
    typeof value === 'number' ? value * scale : value,
  );
};
const sensors = fc.constantFrom(undefined, undefined, 'probe');
const times = fc.oneof(
  // So few that they meet.
  fc.integer({ min: -40, max: 40 }).map((n) => (n * minute) / 2),
  fc.integer({ min: -3 * 60 * minute, max: 3 * 60 * minute }),
  fc.integer({ min: -20 * 24, max: 20 * 24 }).map((n) => n * 60 * minute),
  fc.integer({ min: -20 * day, max: 20 * day }),
);
const scattered: fc.Arbitrary<Entry[]> = fc.array(
  fc.constantFrom(...types).chain((type) =>
    fc.record({
      ...{ type: fc.constant(type), sensor: sensors, time: times },
      // Now and then a value of another type than the series has.
      value: fc.oneof(
        { weight: 30, arbitrary: valueOf(type) },
        { weight: 1, arbitrary: fc.constantFrom<ReadingValue>(true, 'odd', 1) },
      ),
      unit: fc.constantFrom(undefined, undefined, 'u', 'v'),
    }),
  ),
  { minLength: 1, maxLength: 80, size: 'max' },
);
/** Readings in a row, as many in an hour as make a rollup. */
const steady: fc.Arbitrary<Entry[]> = fc
  .record({
    type: fc.constantFrom<Measured[]>('whole', 'decimal', 'tiny', 'large', 'pressure', 'open'),
    sensor: sensors,
    from: fc.integer({ min: -6 * 60, max: 60 }),
    every: fc.constantFrom(30_000, 47_000, minute),
    count: fc.integer({ min: 1, max: 400 }),
  })
  .chain(({ type, sensor, from, every, count }) =>
    fc.array(valueOf(type), { minLength: 1, maxLength: 40, size: 'max' }).map((values) =>
      Array.from({ length: count }, (_, i) => ({
        ...{ type, sensor, time: from * minute + i * every, unit: undefined },
        // The same values again in another order, so that no hour is like the one before it.
        value: values[(i * i + i) % values.length]!,
      })),
    ),
  );
const batches = fc.array(
  fc.record({
    entries: fc.oneof({ weight: 3, arbitrary: scattered }, { weight: 2, arbitrary: steady }),
    /** Readings of one call. */
    size: fc.constantFrom(1_000, 1_000, 40, 7),
    rollUp: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4, size: 'max' },
);

/** Times in milliseconds from the clock change. */
const edges = fc.oneof(
  fc.integer({ min: -7 * 60, max: 7 * 60 }).map((n) => n * minute + 1),
  fc.integer({ min: -7, max: 7 }).map((n) => n * 60 * minute),
  fc.integer({ min: -21 * day, max: 21 * day }),
);
const ranges = fc.oneof(
  { weight: 2, arbitrary: fc.constant([-21 * day, 21 * day] as const) },
  { weight: 6, arbitrary: fc.tuple(edges, edges) },
  { weight: 1, arbitrary: fc.constant([25 * day, 26 * day] as const) },
);
const questions = fc.array(
  fc.record({
    aggregation: fc.constantFrom(undefined, ...aggregations),
    interval: fc.constantFrom('30s', '15m', '1h', '2h', '3h', '6h', '1d', '7d', undefined),
    types: fc.oneof(
      { weight: 3, arbitrary: fc.constant(types.filter((type) => type !== 'text')) },
      { weight: 2, arbitrary: fc.subarray(types, { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    range: ranges,
    asksUtc: fc.boolean(),
    limit: fc.constantFrom(1_000, 1_000, 1_000, 97, 11),
  }),
  { minLength: 3, maxLength: 8, size: 'max' },
);

/** An answer over all of its pages, or the code of the error that is the answer. */
type Outcome = { series: StoreAnswer['series']; pages: number[] } | { code: number };

async function ask(store: TelemetryStore, query: StoreQuery): Promise<Outcome> {
  const series: StoreAnswer['series'] = [];
  const pages: number[] = [];
  let cursor: string | undefined;
  do {
    let answer: StoreAnswer;
    try {
      answer = await store.query({ ...query, ...(cursor !== undefined && { cursor }) });
    } catch (error) {
      if (error instanceof RpcError) return { code: error.code };
      throw error;
    }
    pages.push(answer.series.reduce((sum, { points }) => sum + points.length, 0));
    for (const one of answer.series) {
      const last = series.at(-1);
      const { points: _points, ...info } = one;
      // A series goes on from page to page.
      if (last && keyOf(last) === keyOf(info)) last.points.push(...one.points);
      else series.push({ ...info, points: [...one.points] });
    }
    assert.equal(answer.truncated, answer.cursor !== undefined);
    cursor = answer.cursor;
  } while (cursor !== undefined);
  return { series, pages };
}

const keyOf = ({ sensor_id, measurement_type }: Pick<Reading, 'sensor_id' | 'measurement_type'>) =>
  JSON.stringify([sensor_id, measurement_type]);

/** All of an answer but the values of its points. */
const outlineOf = (series: StoreAnswer['series']) =>
  series.map(({ points, ...info }) => ({
    ...info,
    points: points.map(({ timestamp, count }) => [timestamp, count]),
  }));

function assertValue(
  name: string,
  query: StoreQuery,
  actual: ReadingValue,
  expected: ReadingValue,
  scale: number,
): void {
  const message = `${name}: ${String(actual)} for ${String(expected)} to ${JSON.stringify(query)}`;
  if (typeof expected !== 'number' || typeof actual !== 'number' || !query.aggregation)
    assert.ok(actual === expected, message);
  else if (query.aggregation === 'count') assert.equal(actual, expected, message);
  else assertClose(actual / scale, expected / scale, message);
}

const scaleOf = (type: string): number => measured[type as Measured].scale;

/** An answer as the naive reference has it. */
function assertNaive(
  name: string,
  query: StoreQuery,
  outcome: Outcome,
  readings: readonly Reading[],
): void {
  if (isSenseless(readings, query)) {
    assert.deepEqual(outcome, { code: -32602 }, name);
    return;
  }
  if ('code' in outcome) assert.fail(`${name}: ${outcome.code} to ${JSON.stringify(query)}`);
  const expected = answerNaively(readings, query);
  assert.deepEqual(
    outlineOf(outcome.series).map(({ unit: _unit, value_type: _type, ...one }) => one),
    expected.map(({ points, ...key }) => ({
      ...key,
      points: points.map(({ timestamp, values }) => [timestamp, values.length]),
    })),
    `${name} to ${JSON.stringify(query)}`,
  );
  for (const [i, { points, measurement_type }] of expected.entries())
    for (const [j, { values }] of points.entries()) {
      const { value } = outcome.series[i]!.points[j]!;
      // A series of a type that is otherwise tiny or large may have begun with a boolean.
      const scale = typeof values[0] === 'number' ? scaleOf(measurement_type) : 1;
      const numbers = values.map((one) => (typeof one === 'number' ? one / scale : one));
      const naive = query.aggregation ? aggregateNaively(query.aggregation, numbers) : numbers[0]!;
      const scaled = typeof naive === 'number' && query.aggregation !== 'count';
      assertValue(name, query, value, scaled ? naive * scale : naive, scale);
    }
}

/** Two answers that must be one. */
function assertSame(name: string, query: StoreQuery, actual: Outcome, expected: Outcome): void {
  const message = `${name} to ${JSON.stringify(query)}`;
  if ('code' in actual || 'code' in expected) {
    assert.deepEqual(actual, expected, message);
    return;
  }
  assert.deepEqual(outlineOf(actual.series), outlineOf(expected.series), message);
  assert.deepEqual(actual.pages, expected.pages, message);
  for (const [i, { points, measurement_type }] of expected.series.entries())
    for (const [j, { value }] of points.entries()) {
      const given = actual.series[i]!.points[j]!.value;
      assertValue(name, query, given, value, scaleOf(measurement_type));
    }
}

describe('All telemetry stores', function () {
  this.timeout(90_000);
  let folder: string;
  let file: string;
  let sqlite: TelemetryStore;
  let influx3: Influx3Server;
  const others = new Map<string, TelemetryStore>();
  const cleanUps: (() => unknown)[] = [];
  /** The last run, which may still be under way when time is up. */
  let running: Promise<void> | undefined;

  const openBehindSpool = async (name: string, remote: RemoteDatabase): Promise<void> => {
    const store = await createSpooledTelemetryStore({
      ...{ remote, file: join(folder, `${name}.db`), maxBytes: 1e8, clock: systemClock },
      // Everybody has time: this is about what they answer.
      ...{ startMs: 20_000, slowMs: 20_000 },
    });
    cleanUps.push(() => store.close());
    others.set(name, store);
  };
  before(async function () {
    folder = await mkdtemp(join(tmpdir(), 'same-answers-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
    file = join(folder, 'telemetry.db');
    sqlite = await createSqliteTelemetryStore({
      ...{ file, moveAtRows: 400, moveWhenIdleMs: 1, rollUpEveryMs: 1 },
    });
    cleanUps.push(() => sqlite.close());

    const influxd = await startInfluxd(this);
    cleanUps.push(() => influxd.stop());
    const postgres = await startPostgresServer(this);
    cleanUps.push(() => postgres.stop());
    const influx2 = await startInflux2Server();
    cleanUps.push(() => influx2.close());
    influx3 = await startInflux3Server();
    cleanUps.push(() => influx3.close());

    const timeoutMs = 20_000;
    const { username, password } = postgres;
    await openBehindSpool(
      'InfluxDB 1',
      createInflux1Database({
        ...{ url: influxd.url, database: 'hub', username: '', password: '', timeoutMs },
      }),
    );
    await openBehindSpool(
      'InfluxDB 2',
      createInflux2Database({
        ...{ url: influx2.url, organization, bucket: 'hub', token: 'all', timeoutMs },
      }),
    );
    await openBehindSpool(
      'InfluxDB 3',
      createInflux3Database({ url: influx3.url, database: 'hub', token: 'all', timeoutMs }),
    );
    await openBehindSpool(
      'PostgreSQL',
      createPostgresDatabase({ url: postgres.url, username, password, database: 'hub' }),
    );
  });
  after(async () => {
    await running?.catch(() => undefined);
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  /** Writes the same to all; says which readings were taken, as all of them must. */
  const write = async (readings: readonly Reading[]): Promise<number[]> => {
    const results = await Promise.all(
      [...others.values(), sqlite].map((store) => store.write(readings)),
    );
    const [first, ...rest] = results.map(({ stored, rejected }) => ({
      ...{ stored, rejected: rejected.map(({ index }) => index) },
    }));
    for (const one of rest) assert.deepEqual(one, first);
    return first!.rejected;
  };
  const check = async (query: StoreQuery, readings: readonly Reading[]): Promise<void> => {
    // The usual limit, unless there are buckets that cannot be asked for in parts.
    const { aggregation, interval } = query;
    influx3.fileLimit = aggregation && (interval === undefined || interval === '7d') ? 1e6 : 432;
    const expected = await ask(sqlite, query);
    assertNaive('SQLite', query, expected, readings);
    await Promise.all(
      [...others].map(async ([name, store]) => {
        const outcome = await ask(store, query);
        assertNaive(name, query, outcome, readings);
        assertSame(name, query, outcome, expected);
      }),
    );
  };

  it('answer with the same numbers, those of the plain formulas, whatever is written and asked', async () => {
    let run = 0;
    let rolledUp = 0;
    const property = async (
      [zone, change]: (typeof changes)[number],
      written: { entries: Entry[]; size: number; rollUp: boolean }[],
      asked: typeof questions extends fc.Arbitrary<infer T> ? T : never,
    ): Promise<void> => {
      const device_id = `d${run++}`;
      const around = Date.parse(change);
      const readings: Reading[] = [];
      for (const { entries, size, rollUp } of written) {
        const batch = entries.map(({ type, sensor, time, value, unit }) => ({
          ...{ device_id, measurement_type: type, timestamp: around + time, value },
          ...(sensor !== undefined && { sensor_id: `${device_id}-${sensor}` }),
          ...(unit !== undefined && { unit }),
        }));
        const before = acceptNaively(readings).length;
        let rejected = 0;
        for (let i = 0; i < batch.length; i += size)
          rejected += (await write(batch.slice(i, i + size))).length;
        readings.push(...batch);
        assert.equal(batch.length - rejected, acceptNaively(readings).length - before);
        if (rollUp) await untilRolledUp(file);
      }
      for (const { aggregation, interval, types: chosen, range, asksUtc, limit } of asked)
        await check(
          {
            ...{ device_ids: [device_id], start: around + range[0], end: around + range[1], limit },
            ...(chosen && { measurement_types: chosen }),
            ...(aggregation && { aggregation }),
            ...(aggregation && interval !== undefined && { interval }),
            time_zone: asksUtc ? 'UTC' : zone,
          },
          readings,
        );
      rolledUp = inTelemetryFile(file, (count) => count('hourly'));
    };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...changes), batches, questions, (...args) => {
        running = property(...args);
        return running;
      }),
      // Out of time it says what it has found so far, and how to come there again.
      { numRuns: 20, interruptAfterTimeLimit: 40_000 },
    );
    assert.ok(rolledUp > 0, 'SQLite had no rollups to answer from');
  });
});
