import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import {
  createSpooledTelemetryStore,
  type SpooledStoreOptions,
} from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import type { TelemetryStore } from '../../../../nodes/core/telemetry/ports.ts';
import type { Reading, ReadingValue } from '../../../../nodes/core/telemetry/types.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { createMemoryRemote, type MemoryRemote } from '../../../support/memory-remote.ts';
import { until } from '../../../support/until.ts';

const reading = (timestamp: number, value: ReadingValue, more: Partial<Reading> = {}): Reading => ({
  ...{ device_id: 'd', measurement_type: 'n', timestamp, value },
  ...more,
});
const readings = (from: number, count: number, more: Partial<Reading> = {}): Reading[] =>
  Array.from({ length: count }, (_, i) => reading(from + i, from + i, more));
const everything = { device_ids: ['d'], start: 0, end: 1e9, limit: 10_000 };

describe('createSpooledTelemetryStore', () => {
  let folder: string;
  let file: string;
  let remote: MemoryRemote;
  let opened: TelemetryStore[];
  let logged: string[];
  const note = (text: string): void => {
    logged.push(text);
  };
  const open = async (options: Partial<SpooledStoreOptions> = {}): Promise<TelemetryStore> => {
    const store = await createSpooledTelemetryStore({
      ...{ remote, file, maxBytes: 1e9, clock: systemClock },
      ...{ log: { info: note, warn: note, error: note } },
      ...{ slowMs: 500, firstRetryMs: 1, lastRetryMs: 10, closeMs: 100 },
      ...options,
    });
    opened.push(store);
    return store;
  };
  /** The same hub again, as after a restart; its database kept what it had. */
  const reopen = async (store: TelemetryStore): Promise<TelemetryStore> => {
    await store.close();
    const { faults } = remote;
    remote = createMemoryRemote(join(folder, 'journal'));
    Object.assign(remote.faults, faults);
    return open();
  };
  const waits = async (store: TelemetryStore): Promise<number> =>
    (await store.health()).spool?.readings ?? 0;
  const drained = (store: TelemetryStore): Promise<unknown> =>
    until('the spool is empty', async () => {
      const { ok, spool } = await store.health();
      return ok && spool?.bytes === 0;
    });
  const goAway = (): void => {
    remote.faults.away = 'connect ECONNREFUSED 10.0.0.9:8086';
  };
  const comeBack = (): void => {
    delete remote.faults.away;
  };
  /** Writes wait until the answer is called. */
  const holdWrites = (): (() => void) => {
    let release = (): void => undefined;
    remote.faults.hold = new Promise((resolve) => {
      release = () => {
        delete remote.faults.hold;
        resolve();
      };
    });
    return release;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spool-'));
    file = join(folder, 'spool.db');
    remote = createMemoryRemote(join(folder, 'journal'));
    opened = [];
    logged = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await rm(folder, { recursive: true });
  });

  it('writes through while the database is there, and spools nothing', async () => {
    const store = await open();
    await store.write(readings(0, 10));
    assert.equal(remote.size(), 10);
    const { ok, detail, spool } = await store.health();
    assert.deepEqual(
      { ok, detail },
      { ok: true, detail: 'Memory 1.0 at memory:1; 0 readings wait on disk' },
    );
    assert.deepEqual(spool, { readings: 0, bytes: 0, max_bytes: 1e9, refused: 0 });
  });

  it('tells a writer which points the database refuses, by their position', async () => {
    remote.faults.refuses = ({ value }) => (value === 3 ? 'beyond the retention' : undefined);
    const store = await open();
    const other = reading(0, 3, { measurement_type: 'other' });
    const results = await Promise.all([
      store.write([reading(1, NaN), reading(1, 1), reading(3, 3)]),
      store.write([reading(2, 2), reading(4, 'text'), reading(3, 3)]),
      store.write([other]),
    ]);
    assert.deepEqual(
      results.map(({ stored, rejected }) => [stored, rejected.map(({ index }) => index)]),
      [
        [1, [0, 2]],
        [1, [1, 2]],
        [0, [0]],
      ],
    );
    assert.equal(results[0].rejected[1]?.reason, 'beyond the retention');
    assert.deepEqual(
      store.latest().map(({ value }) => value),
      [2],
    );
    delete remote.faults.refuses;
    assert.equal((await store.write([{ ...other, value: 'text now' }])).stored, 1);
  });

  it('takes readings while the database is away, and delivers them in their order when it is back', async () => {
    const store = await open();
    await store.write(readings(0, 10));
    goAway();
    for (let i = 1; i <= 20; i++)
      assert.equal((await store.write(readings(i * 10, 10))).stored, 10);
    await store.write([reading(5, 'no')]).then(({ rejected }) => assert.equal(rejected.length, 1));
    assert.equal(await waits(store), 200);
    assert.equal(remote.size(), 10);
    comeBack();
    await drained(store);
    assert.deepEqual(
      remote.writes.flat().map(({ timestamp }) => timestamp),
      Array.from({ length: 210 }, (_, i) => i),
    );
    await store.write([reading(1_000, 1)]);
    assert.equal(remote.size(), 211);
  });

  it('says since when the database is away, why, and how much waits', async () => {
    const store = await open();
    goAway();
    await store.write(readings(0, 1_000));
    const { ok, detail, spool } = await store.health();
    assert.equal(ok, false);
    assert.match(
      detail,
      /^Memory 1\.0 at memory:1, away since 20\S+Z: connect ECONNREFUSED 10\.0\.0\.9:8086; 1,000 readings \(2\d\.\d kB of 1 GB\) wait on disk$/,
    );
    assert.ok(spool?.oldest && Math.abs(spool.oldest - Date.now()) < 60_000);
  });

  it('refuses questions with -32003 while the database is away, and answers again afterwards', async () => {
    const store = await open();
    await store.write(readings(0, 3));
    goAway();
    await assert.rejects(store.query(everything), {
      code: -32003,
      message: /cannot be asked now: Memory 1\.0 at memory:1: connect ECONNREFUSED/,
      details: { retryable: true },
    });
    await store.write(readings(3, 1));
    await assert.rejects(store.query(everything), { code: -32003 });
    assert.equal(store.latest()[0]?.value, 3);
    comeBack();
    await drained(store);
    assert.equal((await store.query(everything)).series[0]?.points.length, 4);
  });

  it('gives up a question that takes too long, with -32003', async () => {
    const store = await open({ queryMs: 20 });
    await store.write(readings(0, 3));
    remote.faults.delayMs = 200;
    await assert.rejects(store.query(everything), { code: -32003, message: /no answer in 20 ms/ });
  });

  it('starts while the database is away, with its series and newest readings, and delivers what waits', async () => {
    let store = await open();
    await store.write([reading(1, 10, { unit: 'celsius' }), reading(1, true, { sensor_id: 's' })]);
    goAway();
    await store.write([reading(2, 20), reading(3, 'open', { measurement_type: 'door' })]);
    const expected = store.latest();
    assert.equal(expected.length, 3);
    store = await reopen(store);
    assert.deepEqual(
      store.latest().sort((a, b) => a.measurement_type.localeCompare(b.measurement_type)),
      expected.sort((a, b) => a.measurement_type.localeCompare(b.measurement_type)),
    );
    assert.match((await store.write([reading(4, 'text')])).rejected[0]!.reason, /stored as number/);
    comeBack();
    await drained(store);
    assert.equal(remote.size(), 4);
    assert.equal((await store.query({ ...everything })).series.length, 3);
  });

  it('keeps the index in the file up to date while all goes straight to the database', async () => {
    const store = await open({ saveMs: 5 });
    const many = Array.from({ length: 2_500 }, (_, i) => reading(1, i, { device_id: `d${i}` }));
    await store.write(many);
    await store.removeDevice('d7');
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const rows = db.prepare(
        `SELECT count(*) AS count FROM series WHERE latest LIKE '%"timestamp":1,%'`,
      );
      await until('all series are in the file', () => rows.get()?.['count'] === 2_499);
      await store.write([reading(2, 5, { device_id: 'd5' })]);
      const latest = db.prepare("SELECT latest FROM series WHERE device_id = 'd5'");
      await until('its newest reading is', () =>
        /"timestamp":2/.test(String(latest.get()?.['latest'])),
      );
      assert.equal(db.prepare("SELECT id FROM series WHERE device_id = 'd7'").get(), undefined);
    } finally {
      db.close();
    }
  });

  it('merges the series the database has when it can be opened, and forgets those it has not', async () => {
    let store = await open();
    await store.write([reading(1, 1), reading(1, 1, { measurement_type: 'gone' })]);
    await store.close();
    const other = createMemoryRemote();
    await other.open();
    await other.write([reading(1, 1), reading(7, 'x', { device_id: 'e', unit: 'word' })]);
    remote = other;
    store = await open();
    assert.deepEqual(
      store.latest().map(({ device_id, measurement_type, unit, value_type, timestamp }) => ({
        ...{ device_id, measurement_type, unit, value_type, timestamp },
      })),
      [
        {
          device_id: 'd',
          measurement_type: 'n',
          unit: undefined,
          value_type: 'number',
          timestamp: 1,
        },
        { device_id: 'e', measurement_type: 'n', unit: 'word', value_type: 'string', timestamp: 7 },
      ],
    );
  });

  it('keeps aside what turns out to have another type in the database', async () => {
    goAway();
    const store = await open();
    await store.write([reading(1, 'text'), reading(1, 1, { measurement_type: 'fits' })]);
    await store.write([reading(2, 'more text')]);
    const journal = createMemoryRemote(join(folder, 'journal'));
    await journal.open();
    await journal.write([reading(0, 5)]);
    const faults = remote.faults;
    await store.close();
    remote = createMemoryRemote(join(folder, 'journal'));
    Object.assign(remote.faults, faults);
    comeBack();
    const again = await open();
    await drained(again);
    assert.deepEqual(
      remote
        .rows()
        .map(([, , value]) => value)
        .sort(),
      [1, 5],
    );
    assert.equal((await again.health()).spool?.refused, 2);
    assert.deepEqual(
      again
        .latest(['d'])
        .map(({ value }) => value)
        .sort(),
      [1, 5],
    );
    assert.equal((await again.write([reading(9, 9)])).stored, 1);
  });

  it('starts and takes readings while the database does not even say no', async () => {
    remote.open = () => new Promise(() => undefined);
    const store = await open({ startMs: 20 });
    assert.equal((await store.write(readings(0, 5))).stored, 5);
    const { ok, detail } = await store.health();
    assert.equal(ok, false);
    assert.match(detail, /not connected yet; 5 readings/);
    await assert.rejects(store.query(everything), { code: -32003, message: /not connected yet/ });
  });

  it('shows what only a person can change, and takes readings meanwhile', async () => {
    remote.faults.forbidden = 'password authentication failed for user "hub"';
    const store = await open();
    await store.write(readings(0, 5));
    const { ok, detail } = await store.health();
    assert.equal(ok, false);
    assert.match(detail, /password authentication failed/);
    delete remote.faults.forbidden;
    await drained(store);
    assert.equal(remote.size(), 5);
  });

  it('keeps readings when writing is forbidden later on, and refuses none of them', async () => {
    const store = await open();
    await store.write(readings(0, 5));
    remote.faults.chokesOn = () => true;
    await store.write(readings(5, 500));
    const openings = remote.opened();
    await until('it was tried some times', () => remote.opened() > openings + 3);
    assert.equal(await waits(store), 500);
    delete remote.faults.chokesOn;
    await drained(store);
    assert.equal(remote.size(), 505);
    assert.equal((await store.health()).spool?.refused, 0);
  });

  it('keeps aside single acknowledged readings on which the database chokes, and delivers the others in order', async () => {
    const store = await open();
    goAway();
    await store.write([...readings(0, 1_000), reading(5, 55)]);
    remote.faults.chokesOn = ({ value }) => value === 300 || value === 301;
    comeBack();
    await drained(store);
    assert.equal(remote.size(), 998);
    assert.deepEqual(
      remote.rows().find(([, time]) => time === 5),
      ['d//n', 5, 55],
    );
    assert.equal((await store.health()).spool?.refused, 2);
  });

  it('keeps acknowledged readings that are refused with the reason, bounded, counted and logged once per cause', async () => {
    const store = await open();
    goAway();
    await store.write([...readings(0, 12_000, { sensor_id: 's', quality: 'bad' }), reading(0, 0)]);
    remote.faults.refuses = ({ sensor_id }) => (sensor_id ? 'outside retention' : undefined);
    comeBack();
    await drained(store);
    const { detail, spool } = await store.health();
    assert.equal(spool?.refused, 12_000);
    assert.match(detail, /12,000 readings were refused and are kept aside/);
    assert.equal(logged.filter((line) => line.includes('outside retention')).length, 1);
    await store.close();
    const db = new DatabaseSync(file);
    const rows = db.prepare('SELECT reading, reason FROM refused ORDER BY id').all();
    db.close();
    assert.equal(rows.length, 10_000);
    assert.deepEqual(JSON.parse(rows.at(-1)!['reading'] as string), {
      ...{ device_id: 'd', sensor_id: 's', measurement_type: 'n' },
      ...{ timestamp: 11_999, value: 11_999, quality: 'bad' },
    });
    assert.equal(rows[0]!['reason'], 'outside retention');
  });

  it('refuses writes when the spool is full, drops nothing, and takes them again later', async () => {
    const store = await open({ maxBytes: 50_000 });
    goAway();
    let acknowledged = 0;
    const outcomes = [];
    for (let i = 0; i < 10; i++) {
      const [outcome] = await Promise.allSettled([store.write(readings(i * 1_000, 1_000))]);
      outcomes.push(outcome);
      if (outcome.status === 'fulfilled') acknowledged += outcome.value.stored;
    }
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.ok(acknowledged > 0 && refused.length > 0);
    for (const { reason } of refused) {
      assert.equal((reason as { code: number }).code, -32006);
      assert.match((reason as Error).message, /50000 bytes for what waits for it are full/);
    }
    const { spool } = await store.health();
    assert.equal(spool?.readings, acknowledged);
    assert.ok(spool.bytes <= 50_000);
    comeBack();
    await drained(store);
    assert.equal(remote.size(), acknowledged);
    await store.write(readings(50_000, 1_000));
    assert.equal(remote.size(), acknowledged + 1_000);
  });

  it('takes all of a call or nothing of it when only a part has room', async () => {
    const store = await open({ maxBytes: 150_000 });
    goAway();
    await assert.rejects(store.write(readings(0, 10_000)), { code: -32006 });
    const { readings: stored, series, spool } = await store.health();
    assert.deepEqual([stored, series, spool?.readings, spool?.bytes], [0, 0, 0, 0]);
    await store.write(readings(0, 5_000));
    comeBack();
    await drained(store);
    assert.equal(remote.size(), 5_000);
  });

  it('acknowledges from the spool what the database takes too long for, and lets nothing overtake it', async () => {
    const store = await open({ slowMs: 20 });
    let release = (): void => undefined;
    remote.faults.holdNext = new Promise((resolve) => {
      release = resolve;
    });
    await store.write([reading(1, 'old')]);
    assert.equal(await waits(store), 1);
    await store.write([reading(1, 'new')]);
    for (let turn = 0; turn < 20; turn++) await store.query(everything);
    assert.deepEqual(remote.writes, []);
    release();
    await drained(store);
    assert.deepEqual(remote.rows(), [['d//n', 1, 'new']]);
    // What was slow once is not taken for slow for ever.
    await store.write([reading(2, 'straight')]);
    assert.equal(remote.size(), 2);
  });

  it('delivers again what was done when its answer was lost', async () => {
    const store = await open();
    remote.faults.losesAnswers = true;
    await store.write(readings(0, 100));
    assert.equal(remote.size(), 100);
    assert.equal(await waits(store), 100);
    delete remote.faults.losesAnswers;
    await drained(store);
    assert.equal(remote.size(), 100);
  });

  it('removes a device after what was written before and before what is written after', async () => {
    let store = await open();
    await store.write([reading(1, 1), reading(1, 1, { device_id: 'other' })]);
    goAway();
    await store.write([reading(2, 2)]);
    await store.removeDevice('d');
    assert.deepEqual(store.latest(['d']), []);
    await store.write([reading(3, 'text now')]);
    store = await reopen(store);
    assert.deepEqual(
      store.latest(['d']).map(({ value }) => value),
      ['text now'],
    );
    assert.equal(remote.rows().length, 2);
    comeBack();
    await drained(store);
    assert.deepEqual(remote.rows(), [
      ['other//n', 1, 1],
      ['d//n', 3, 'text now'],
    ]);
    assert.deepEqual(
      store.latest(['d']).map(({ value_type }) => value_type),
      ['string'],
    );
  });

  it('answers as if a removal that waits had been done', async () => {
    const store = await open({ slowMs: 20 });
    await store.write(readings(0, 10));
    const release = holdWrites();
    await store.removeDevice('d');
    assert.deepEqual((await store.query(everything)).series, []);
    await store.write([reading(3, 33)]);
    assert.deepEqual((await store.query(everything)).series[0]?.points, [
      { timestamp: 3, value: 33, count: 1 },
    ]);
    release();
    await drained(store);
    assert.deepEqual(remote.rows(), [['d//n', 3, 33]]);
  });

  it('gives up a removal the database will not do, says so, and goes on', async () => {
    const store = await open();
    goAway();
    await store.removeDevice('d');
    await store.write(readings(0, 5));
    remote.removeDevice = () => Promise.reject(new Error('this edition cannot delete'));
    comeBack();
    await drained(store);
    assert.equal(remote.size(), 5);
    assert.ok(logged.some((line) => /removeDevice.*this edition cannot delete/.test(line)));
    await assert.rejects(store.removeDevice('d'), /this edition cannot delete/);
    assert.equal((await store.query(everything)).series[0]?.points.length, 5);
  });

  it('leaves in the spool what cannot be delivered in the time closing has', async () => {
    let store = await open({ slowMs: 20, closeMs: 50 });
    holdWrites();
    await store.write(readings(0, 10));
    await store.write(readings(10, 10));
    await store.close();
    delete remote.faults.hold;
    store = await reopen(store);
    await drained(store);
    assert.equal(remote.size(), 20);
  });

  it('takes 100,000 readings in many calls while the database is away, and delivers each once or more', async function () {
    this.timeout(60_000);
    const store = await open();
    goAway();
    for (let i = 0; i < 20; i++)
      await Promise.all(
        Array.from({ length: 50 }, (_, j) => store.write(readings((i * 50 + j) * 100, 100))),
      );
    assert.equal(await waits(store), 100_000);
    comeBack();
    await until('all is delivered', () => remote.size() === 100_000, 30_000);
    await drained(store);
    const times = remote.writes.flat().map(({ timestamp }) => timestamp);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
  });

  it('keeps apart what was damaged on disk, says so, and delivers the rest', async () => {
    let store = await open();
    goAway();
    await store.write(readings(0, 10));
    await store.write(readings(10, 5));
    await store.write(readings(20, 10));
    await store.close();
    const db = new DatabaseSync(file);
    db.exec('UPDATE entries SET body = zeroblob(length(body)) WHERE id = 2');
    db.close();
    comeBack();
    store = await reopen(store);
    await drained(store);
    assert.equal(remote.size(), 20);
    assert.equal((await store.health()).spool?.refused, 5);
    assert.ok(logged.some((line) => /cannot be read any more.*`damaged`/.test(line)));
    await store.close();
    const left = new DatabaseSync(file);
    assert.deepEqual(
      { ...left.prepare('SELECT id, readings FROM damaged').get() },
      { id: 2, readings: 5 },
    );
    left.close();
  });

  it('starts the thread of the spool again when it dies, and has what was acknowledged', async () => {
    let thread: Worker | undefined;
    const store = await open({ startThread: (url) => (thread = new Worker(url)) });
    goAway();
    await store.write(readings(0, 10));
    const underWay = store.write(readings(10, 100_000));
    await thread?.terminate();
    await assert.rejects(underWay, /storage thread ended/);
    assert.equal((await store.write(readings(10, 10))).stored, 10);
    comeBack();
    await drained(store);
    for (let i = 0; i < 20; i++) assert.ok(remote.rows().some(([, time]) => time === i));
  });

  it('says so in its health while the thread of the spool cannot be started, and acknowledges nothing', async () => {
    let thread: Worker | undefined;
    const store = await open({
      startThread(url) {
        if (thread) throw new Error('no more threads');
        return (thread = new Worker(url));
      },
    });
    await store.write(readings(0, 10));
    await thread?.terminate();
    goAway();
    await assert.rejects(store.write(readings(10, 10)), /no more threads/);
    await assert.rejects(store.write(readings(10, 10)), /storage thread ended/);
    const { ok, detail } = await store.health();
    assert.equal(ok, false);
    assert.match(detail, /storage thread ended/);
    assert.equal(store.latest()[0]?.value, 9);
  });

  it('lets only one hub at a time have the spool', async () => {
    await open();
    await assert.rejects(open(), /in use by another hub/);
  });
});
