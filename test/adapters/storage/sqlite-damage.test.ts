import assert from 'node:assert/strict';
import {
  copyFile,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import {
  createSqliteTelemetryStore,
  type SqliteTelemetryOptions,
} from '../../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { TelemetryStore } from '../../../nodes/core/telemetry/ports.ts';
import type { Reading, ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import { createMemoryLog, type MemoryLog } from '../../support/domain.ts';
import { untilRolledUp } from '../../support/telemetry-file.ts';
import { until } from '../../support/until.ts';

const minute = 60_000;
const pageBytes = 4_096;

describe('A SQLite telemetry store whose file was damaged', () => {
  let folder: string;
  let file: string;
  let log: MemoryLog;
  let store: TelemetryStore | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'damage-'));
    file = join(folder, 'telemetry.db');
    log = createMemoryLog();
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    await rm(folder, { recursive: true });
  });
  const open = async (options: Partial<SqliteTelemetryOptions> = {}): Promise<TelemetryStore> =>
    (store = await createSqliteTelemetryStore({ file, log, ...options }));
  const close = async (): Promise<void> => {
    await store?.close();
    store = undefined;
  };
  const readings = (from: number, count: number, more: Partial<Reading> = {}): Reading[] =>
    Array.from({ length: count }, (_, i) => ({
      ...{ device_id: `d${i % 3}`, measurement_type: 'n', timestamp: (from + i) * minute },
      ...{ value: from + i, ...more },
    }));
  const stored = async (of: TelemetryStore): Promise<ReadingValue[]> => {
    const { series } = await of.query({
      ...{ device_ids: ['d0', 'd1', 'd2'], start: 0, end: 1e12, limit: 100_000 },
    });
    return series.flatMap(({ points }) => points.map(({ value }) => value));
  };
  const countStored = async (of: TelemetryStore): Promise<number> => (await stored(of)).length;
  const putAside = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => /^telemetry\.db\.damaged-[^-]+$/.test(name));

  /** A file with readings in their place, closed. */
  const makeFile = async (count = 6_000): Promise<void> => {
    const made = await open({ moveWhenIdleMs: 1, rollUpEveryMs: 1 });
    for (let i = 0; i < count; i += 1_000) await made.write(readings(i, 1_000));
    await untilRolledUp(file);
    await close();
  };
  /** It says what became of the old file, and the new one keeps what it is given. */
  const assertGoesOn = async (): Promise<void> => {
    const now = store ?? (await open());
    const before = await countStored(now);
    await now.write(readings(1_000_000, 30));
    const { ok, detail } = await now.health();
    assert.equal(ok, true, detail);
    const said =
      /was damaged and put aside as .*telemetry\.db\.damaged-.* readings of it were taken over/s;
    assert.match(detail, said);
    assert.match(log.lines.join('\n'), said);
    assert.equal((await putAside()).length, 1);
    await close();
    assert.equal(await countStored(await open()), before + 30);
    assert.equal((await putAside()).length, 1);
  };
  /** Writes over a part of the file. */
  const overwrite = async (path: string, position: number, bytes: Uint8Array): Promise<void> => {
    const handle = await openFile(path, 'r+');
    await handle.write(bytes, 0, bytes.length, position);
    await handle.close();
  };
  /** Where the pages of a table are in the file. */
  const pagesOf = (table: string, type: string): number[] => {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const rows = db
        .prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno')
        .all(table, type);
      return rows.map(({ pageno }) => (Number(pageno) - 1) * pageBytes);
    } finally {
      db.close();
    }
  };

  for (const [what, length] of [
    ['a beginning of its header', () => 10],
    ['a part of its header', () => 50],
    ['its first page', () => pageBytes],
    ['its first pages', () => 9 * pageBytes + 100],
    ['its first half', (size: number) => Math.floor(size / 2)],
    ['all but its last byte', (size: number) => size - 1],
    ['all but its last page', (size: number) => size - pageBytes],
  ] as const)
    it(`puts it aside and goes on when ${what} is left of it`, async () => {
      await makeFile();
      await truncate(file, length((await stat(file)).size));
      await assertGoesOn();
    });

  it('takes over every reading but those of a page that cannot be read', async () => {
    await makeFile();
    const [, , page = 0] = pagesOf('readings', 'leaf');
    await overwrite(file, page, new Uint8Array(pageBytes));
    const taken = await countStored(await open());
    assert.ok(taken > 5_000, `${taken} readings are left`);
    await assertGoesOn();
  });

  for (const [what, options] of [
    ['when it is opened', {}],
    ['of a large file while it is in use', { checkUpToBytes: 0 }],
  ] as const)
    it(`finds rows that are not in their order, ${what}`, async () => {
      await makeFile();
      const [, , page = 0, , later = 0] = pagesOf('readings', 'leaf');
      const bytes = (await readFile(file)).subarray(page, page + pageBytes);
      await overwrite(file, later, bytes);
      const now = await open(options);
      await until('it is found', async () => (await now.health()).detail.includes('order'));
      assert.ok((await countStored(now)) > 5_000);
      await assertGoesOn();
    });

  for (const [what, place] of [
    ['the version that writes it', 18],
    ['the version of its tables', 47],
  ] as const)
    it(`knows a file of its own whose header has no number that there is for ${what}`, async () => {
      await makeFile(1_000);
      await overwrite(file, place, Buffer.of(7));
      await assertGoesOn();
    });

  it('knows a file of its own whose tables were made otherwise', async () => {
    await makeFile(1_000);
    const bytes = await readFile(file);
    const place = bytes.indexOf('UNIQUE (device_id') + 'UNIQUE ('.length;
    await overwrite(file, place, Buffer.from('sensor_id,device_id'));
    await assertGoesOn();
  });

  for (const [what, harm] of [
    ['whose header has a bit flipped', (bytes: Buffer) => (bytes[3]! ^= 1)],
    ['whose first page is gone', (bytes: Buffer) => bytes.fill(0, 0, pageBytes)],
    [
      'whose tables are called otherwise',
      (bytes: Buffer) => bytes.write('X', bytes.indexOf('readings')),
    ],
  ] as const)
    it(`takes over all readings of a file ${what}`, async () => {
      await makeFile();
      const bytes = await readFile(file);
      harm(bytes);
      await writeFile(file, bytes);
      assert.equal(await countStored(await open()), 6_000);
      await assertGoesOn();
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.includes('mended')),
        [],
      );
    });

  it('knows a file of its own whose header is gone', async () => {
    await makeFile(1_000);
    await overwrite(file, 0, Buffer.from('dear diary, '.repeat(300)));
    await assertGoesOn();
  });

  for (const [what, sql, left] of [
    ['whose header says that it is of another kind', 'PRAGMA application_id = 7', 1_000],
    ['that lacks a table of rollups', 'DROP TABLE daily', 1_000],
    ['that lacks its readings', 'DROP TABLE readings', 0],
  ] as const)
    it(`knows a file of its own ${what}`, async () => {
      await makeFile(1_000);
      const db = new DatabaseSync(file);
      db.exec(sql);
      db.close();
      assert.equal(await countStored(await open()), left);
      await assertGoesOn();
    });

  it('begins anew in an empty file, unless there is a log that belongs to something', async () => {
    await writeFile(file, '');
    await (await open()).write(readings(0, 30));
    assert.deepEqual(await putAside(), []);
    const log = await readFile(`${file}-wal`);
    await close();
    await writeFile(file, '');
    await writeFile(`${file}-wal`, log);
    await assertGoesOn();
  });

  it('goes on with what is before the damage when its log was damaged, and says so', async () => {
    const writing = await open({ moveWhenIdleMs: 1e6, rollUpEveryMs: 1e6 });
    for (let i = 0; i < 200; i++) await writing.write(readings(i * 3, 3));
    // As after a power cut: most is only in the log.
    const [copy, harmed] = [join(folder, 'copy.db'), join(folder, 'harmed.db')];
    for (const path of [copy, harmed])
      for (const part of ['', '-wal']) await copyFile(file + part, path + part);
    await close();

    file = copy;
    assert.equal(await countStored(await open()), 600);
    assert.doesNotMatch((await store!.health()).detail, /damaged/);
    await close();

    file = harmed;
    const { size } = await stat(`${file}-wal`);
    await overwrite(`${file}-wal`, Math.floor(size / 2), new Uint8Array(100));
    const values = (await stored(await open())).map(Number).sort((a, b) => a - b);
    assert.ok(values.length > 0 && values.length < 600);
    assert.deepEqual(
      values,
      values.map((_, i) => i),
    );
    assert.match((await store!.health()).detail, /the last \d+ of its transactions are lost/);
  });

  it('puts it aside when damage shows while it is read', async () => {
    await makeFile();
    const reading = await open();
    for (const page of pagesOf('readings', 'leaf'))
      await overwrite(file, page, new Uint8Array(pageBytes).fill(7));
    await countStored(reading);
    await assertGoesOn();
  });

  it('goes through a large file while it is in use, and puts it aside when damage shows', async () => {
    await makeFile();
    const [, , page = 0] = pagesOf('readings', 'leaf');
    await overwrite(file, page, new Uint8Array(pageBytes).fill(7));
    const large = await open({ checkUpToBytes: 0 });
    await until('the damage is found', async () => (await large.health()).detail.includes('aside'));
    assert.ok((await countStored(large)) > 5_000);
    await assertGoesOn();
  });

  it('puts it aside when damage shows while it is written, and stores what it acknowledges', async () => {
    await makeFile(1_000);
    const writing = await open({ moveWhenIdleMs: 1 });
    const other = new DatabaseSync(file, { defensive: false, timeout: 5_000 });
    other.exec(`PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'readings'; PRAGMA schema_version = 1000`);
    other.close();
    for (let i = 0; i < 20; i++) await writing.write(readings(2_000 + i * 3, 3));
    const values = await stored(writing);
    for (let i = 2_000; i < 2_060; i++) assert.ok(values.includes(i));
    await assertGoesOn();
  });

  it('answers and stores, whichever bits are flipped', async function () {
    this.timeout(120_000);
    await makeFile(3_000);
    const whole = await readFile(file);
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(7)), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(flips, fc.boolean(), async (places, isHeader) => {
        const bytes = Buffer.from(whole);
        for (const [place, bit] of places) {
          const position = isHeader ? place % pageBytes : place;
          // A layout of another version is refused and left as it is.
          if (position < 60 || position > 63) bytes[position]! ^= 1 << bit;
        }
        await writeFile(file, bytes);
        const now = await open({ moveWhenIdleMs: 1, rollUpEveryMs: 1 });
        const before = await countStored(now);
        assert.ok(before <= 3_000);
        for (let i = 0; i < 3; i++) await now.write(readings(1_000_000 + i * 30, 30));
        for (const aggregation of ['avg', 'median', 'last'] as const)
          for (const interval of ['1h', '1d'])
            await now.query({
              ...{ device_ids: ['d0', 'd1', 'd2'], start: 0, end: 1e12, limit: 100_000 },
              ...{ aggregation, interval },
            });
        await untilRolledUp(file);
        const values = await stored(now);
        for (let i = 1_000_000; i < 1_000_090; i++) assert.ok(values.includes(i), `no ${i}`);
        await close();
        assert.ok((await countStored(await open())) >= 90);
      }),
      {
        numRuns: 25,
        plugins: [
          fc.afterEach(async () => {
            await close();
            // Its lock says whose file it is when its header does not.
            for (const name of await readdir(folder))
              if (name !== 'telemetry.db.lock') await rm(join(folder, name));
          }),
        ],
      },
    );
  });
});
