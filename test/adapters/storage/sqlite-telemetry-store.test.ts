import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { roomLeft, type DiskFigures } from '../../../nodes/adapters/storage/sqlite/disk-room.ts';
import {
  createSqliteTelemetryStore,
  type SqliteTelemetryOptions,
} from '../../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { TelemetryStore } from '../../../nodes/core/telemetry/ports.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import { createMemoryLog } from '../../support/domain.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';
import { inTelemetryFile, untilRolledUp } from '../../support/telemetry-file.ts';
import { until } from '../../support/until.ts';

const spawnWriter = (folder: string) => spawnDurableWriter('telemetry', folder);
const variants: [string, Partial<SqliteTelemetryOptions>][] = [
  ['SQLite', {}],
  ['SQLite that moves every few readings', { moveAtRows: 7, moveWhenIdleMs: 1 }],
  ['SQLite that moves half way', { moveAtRows: 50, maxCommitReadings: 3 }],
];
for (const [name, options] of variants)
  telemetryStoreContract(name, {
    open: (folder) =>
      createSqliteTelemetryStore({ file: join(folder, 'telemetry.db'), ...options }),
    spawnWriter,
  });

describe('createSqliteTelemetryStore', () => {
  let folder: string;
  let file: string;
  let opened: TelemetryStore[];
  const open = async (options: Partial<SqliteTelemetryOptions> = {}): Promise<TelemetryStore> => {
    const store = await createSqliteTelemetryStore({ file, ...options });
    opened.push(store);
    return store;
  };
  const readings = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ device_id: 'd', measurement_type: 'n', timestamp: from + i, value: from + i },
    }));
  const count = async (store: TelemetryStore): Promise<number> => {
    const { series } = await store.query({
      ...{ device_ids: ['d'], start: 0, end: 1e9, aggregation: 'count', limit: 1 },
    });
    return series[0]?.points[0]?.count ?? 0;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sqlite-'));
    file = join(folder, 'telemetry.db');
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await rm(folder, { recursive: true });
  });

  it('says clearly that a file is no database, and leaves it as it is', async () => {
    const diary = 'dear diary, '.repeat(100);
    await writeFile(file, diary);
    await assert.rejects(open(), /telemetry\.db is not an SQLite database or is damaged/);
    assert.equal(await readFile(file, 'utf8'), diary);
  });

  it('says clearly that a database belongs to another program', async () => {
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE diary (page TEXT)');
    other.close();
    await assert.rejects(open(), /telemetry\.db belongs to another program/);
  });

  it('says clearly that a database was written by another version', async () => {
    await (await open()).close();
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    await assert.rejects(open(), /layout version 99/);
  });

  it('says clearly that there is a folder in its place', async () => {
    await mkdir(file);
    await assert.rejects(open(), /telemetry\.db is a folder; name a file/);
  });

  it('says clearly that the folder does not exist', async () => {
    await assert.rejects(
      open({ file: join(folder, 'no', 'such.db') }),
      /cannot be opened: its folder/,
    );
  });

  it('lets only one hub at a time have the file', async () => {
    const first = await open();
    await assert.rejects(open(), /in use by another hub/);
    await first.close();
    await open();
  });

  it('moves readings to their place when nothing is written for a while', async () => {
    const store = await open({ moveWhenIdleMs: 1 });
    await store.write(readings(0, 100));
    await until('the readings are moved', () =>
      inTelemetryFile(file, (rows) => rows('readings') === 100),
    );
    assert.equal(await count(store), 100);
  });

  it('loses and repeats nothing between commits and moves of any size', async function () {
    this.timeout(60_000);
    const store = await open({ moveAtRows: 40_000, maxCommitReadings: 9_001, moveWhenIdleMs: 1 });
    let written = 0;
    const sizes = [1, 4_999, 9_001, 8_191, 7, 20_003, 8_999, 4_321];
    for (let round = 0; round < 4; round++)
      await Promise.all(sizes.map((size) => store.write(readings((written += size) - size, size))));
    const sumOfAll = (written * (written - 1)) / 2;
    const check = async (): Promise<void> => {
      assert.equal(await count(store), written);
      const query = { device_ids: ['d'], start: 0, end: 1e9, limit: 1 };
      const { series } = await store.query({ ...query, aggregation: 'sum' });
      assert.equal(series[0]?.points[0]?.value, sumOfAll);
    };
    await check();
    await until('all are moved', () => inTelemetryFile(file, (rows) => rows('hot') === 0));
    await check();
    assert.equal((await store.health()).readings, written);
    inTelemetryFile(file, (rows) => assert.equal(rows('readings'), written));
  });

  it('deletes what a removed device leaves behind bit by bit, also after a restart', async () => {
    const store = await open({ moveAtRows: 1 });
    for (let i = 0; i < 6; i++) await store.write(readings(i * 20_000, 20_000));
    await store.removeDevice('d');
    await store.close();
    const again = await open();
    await until('nothing is left', async () => (await again.health()).readings === 0);
    await again.write(readings(0, 3));
    assert.equal(await count(again), 3);
  });

  it('refuses writes with -32006 when too many wait, and takes them again later', async () => {
    const store = await open({ maxCommitReadings: 10, maxWaitingReadings: 20 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => store.write(readings(i * 10, 10))),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.ok(refused.length > 0);
    for (const { reason } of refused) assert.equal((reason as { code: number }).code, -32006);
    assert.equal(await count(store), (outcomes.length - refused.length) * 10);
    await store.write(readings(5_000, 10));
  });

  const killable = () => {
    const threads = new Map<string, Worker>();
    const startThread = (url: URL): Worker => {
      const worker = new Worker(url);
      threads.set(/(writer|reader)\.worker/.exec(url.pathname)?.[1] ?? '', worker);
      return worker;
    };
    return { startThread, kill: (name: string) => threads.get(name)?.terminate() };
  };
  for (const broken of ['writer', 'reader']) {
    it(`rejects what is under way when the ${broken} thread dies, starts it again and says so in its health`, async () => {
      const { startThread, kill } = killable();
      const log = createMemoryLog();
      const store = await open({ startThread, log });
      await store.write(readings(0, 10));
      const underWay = broken === 'writer' ? store.write(readings(10, 200_000)) : count(store);
      const [outcome] = await Promise.allSettled([underWay, kill(broken)]);
      if (broken === 'writer') {
        assert.equal(outcome.status, 'rejected');
        assert.match(String(outcome.reason), /storage thread ended/);
      }
      await store.write([...readings(0, 1), { ...readings(0, 1)[0]!, measurement_type: 'new' }]);
      assert.ok((await count(store)) >= 10);
      const health = await store.health();
      assert.equal(health.ok, true);
      assert.match(health.detail, /storage thread ended .* it is started again/);
      assert.match(log.lines.join(), /storage thread ended/);
    });
  }

  it('waits longer and longer before it starts a thread again that keeps dying, and refuses meanwhile', async () => {
    const { startThread, kill } = killable();
    const store = await open({ startThread });
    await kill('writer');
    await store.write(readings(0, 1));
    await kill('writer');
    await assert.rejects(store.write(readings(1, 1)), /storage thread ended/);
    const { ok, detail } = await store.health();
    assert.equal(ok, false);
    assert.match(detail, /storage thread ended/);
    await until('writing goes on', () =>
      store.write(readings(2, 1)).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await count(store), 2);
  });

  it('refuses what a full disk has no room for, and goes on by itself once there is room', async () => {
    const store = await open({ maxPages: 600, moveAtRows: 5_000, moveWhenIdleMs: 20 });
    let acknowledged = 0;
    const refused = async (): Promise<unknown> => {
      for (;;)
        try {
          const { stored } = await store.write(readings(acknowledged, 1_000));
          acknowledged += stored;
        } catch (error) {
          return error;
        }
    };
    const error = await refused();
    assert.equal((error as { code: number }).code, -32006);
    assert.match(String(error), /disk of the store is full/);
    assert.match((await store.health()).detail, /disk of the store is full/);
    assert.equal(await count(store), acknowledged);

    const before = acknowledged / 2;
    await store.expire({ all: before, by_type: {} });
    await until('it takes readings again', async () => {
      const outcome = await store.write(readings(acknowledged, 100)).catch(() => undefined);
      acknowledged += outcome?.stored ?? 0;
      return outcome;
    });
    await until('it says that it is well', async () => (await store.health()).ok);
    assert.equal(await count(store), acknowledged - before);
    await store.close();
    const again = await open();
    assert.equal(await count(again), acknowledged - before);
  });

  it('keeps the last of the disk free, so that what is too old can still be forgotten', async () => {
    const before = await open();
    await before.write(readings(0, 100));
    await before.close();
    const store = await open({ leastRoomBytes: 2 ** 60 });
    await assert.rejects(store.write(readings(100, 1)), {
      code: -32006,
      message: /disk of the store is full; what is left is kept/,
    });
    await store.expire({ all: 50, by_type: {} });
    assert.equal(await count(store), 50);
  });

  it('knows how much room there is: what is free, less what the log and the file will take', () => {
    const megabytes = (figures: DiskFigures): number => {
      const bytes = Object.entries(figures).map(([name, mb]) => [name, Number(mb) * 2 ** 20]);
      return roomLeft(Object.fromEntries(bytes) as DiskFigures) / 2 ** 20;
    };
    const disk = { free: 100, database: 50, unused: 0, file: 50, log: 17 };
    assert.equal(megabytes(disk), 100);
    assert.equal(megabytes({ ...disk, log: 7 }), 90);
    assert.equal(megabytes({ ...disk, database: 60 }), 90);
    assert.equal(megabytes({ ...disk, unused: 20 }), 120);
    assert.equal(megabytes({ ...disk, log: 40, file: 60 }), 100);
  });

  it('copies tables of every size as they are at one moment', async () => {
    const store = await open({ moveAtRows: 20_000, moveWhenIdleMs: 1, rollUpEveryMs: 1 });
    const spread = readings(0, 50_000).map((one) => ({
      ...one,
      timestamp: one.timestamp * 10_000,
    }));
    await store.write(spread);
    // What comes during the copy falls into the newest hour, so that no rollup is made meanwhile.
    await store.write(readings(599_999_999, 1));
    await untilRolledUp(file);
    const copy = join(folder, 'copy.db');
    let isCopied = false;
    const copying = store.backup!(copy).finally(() => (isCopied = true));
    for (let i = 0; !isCopied; i++) await store.write(readings(600_000_000 + i * 100, 100));
    await copying;
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('.part')),
      [],
    );
    const tables = ['series', 'readings', 'hourly', 'hourly_values', 'daily'];
    inTelemetryFile(file, (rows) =>
      inTelemetryFile(copy, (copied) => {
        for (const table of tables.slice(2)) assert.equal(copied(table), rows(table), table);
        assert.ok(copied('readings') >= 50_000);
      }),
    );
    const again = await createSqliteTelemetryStore({ file: copy });
    opened.push(again);
    const query = { device_ids: ['d'], start: 0, end: 500_000_000, limit: 1 };
    const { series } = await again.query({ ...query, aggregation: 'sum' });
    assert.deepEqual(series[0]?.points[0], {
      ...{ timestamp: 0, count: 50_000, value: (50_000 * 49_999) / 2 },
    });
  });

  it('leaves nothing of a copy that it has no time to finish', async () => {
    const store = await open();
    for (let i = 0; i < 10; i++) await store.write(readings(i * 20_000, 20_000));
    const copy = join(folder, 'copy.db');
    const copying = store.backup!(copy);
    const [outcome] = await Promise.allSettled([copying, store.close()]);
    if (outcome.status === 'rejected') assert.match(String(outcome.reason), /closed/);
    const left = (await readdir(folder)).filter((name) => name.startsWith('copy.db'));
    assert.deepEqual(left, outcome.status === 'rejected' ? [] : ['copy.db']);
  });

  it('forgets a series again whose first commit failed', async () => {
    const store = await open();
    await store.write(readings(0, 1));
    const blocker = new DatabaseSync(file);
    blocker.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE');
    const blocked = store.write([{ ...readings(0, 1)[0]!, measurement_type: 'new' }]);
    await assert.rejects(blocked, /locked/);
    blocker.exec('ROLLBACK');
    blocker.close();
    assert.equal((await store.health()).series, 1);
    assert.equal((await store.health()).ok, false);
    await store.write([{ ...readings(0, 1)[0]!, measurement_type: 'new', value: 'text' }]);
    const { ok, series } = await store.health();
    assert.deepEqual({ ok, series }, { ok: true, series: 2 });
  });
});
