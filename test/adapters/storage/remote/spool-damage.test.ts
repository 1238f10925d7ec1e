import assert from 'node:assert/strict';
import {
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
import { createSpooledTelemetryStore } from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import type { TelemetryStore } from '../../../../nodes/core/telemetry/ports.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { createMemoryRemote, type MemoryRemote } from '../../../support/memory-remote.ts';
import { until } from '../../../support/until.ts';

describe('a spool whose file was damaged', () => {
  let folder: string;
  let file: string;
  let remote: MemoryRemote;
  let logged: string[];
  const open = (): Promise<TelemetryStore> =>
    createSpooledTelemetryStore({
      ...{ remote, file, maxBytes: 1e9, clock: systemClock },
      log: { info: () => undefined, warn: () => undefined, error: (text) => logged.push(text) },
    });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spool-'));
    file = join(folder, 'spool.db');
    logged = [];
    remote = createMemoryRemote();
    remote.faults.away = 'away';
    const store = await open();
    for (let i = 0; i < 50; i++)
      await store.write(
        Array.from({ length: 500 }, (_, j) => ({
          ...{ device_id: `d${j}`, measurement_type: 'n', timestamp: i, value: j },
        })),
      );
    await store.close();
    remote = createMemoryRemote();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const overwrite = async (offset: number, bytes: Buffer): Promise<void> => {
    const handle = await openFile(file, 'r+');
    await handle.write(bytes, 0, bytes.length, offset);
    await handle.close();
  };
  const damages: [string, () => Promise<void>][] = [
    ['cut off', () => truncate(file, 40_000)],
    ['cut off within its header', () => truncate(file, 90)],
    ['overwritten in the middle', () => overwrite(4096, Buffer.alloc(20_000, 0xa5))],
    ['filled with zeros', () => overwrite(0, Buffer.alloc(100_000))],
  ];
  for (const [name, damage] of damages)
    it(`is put aside with a word in log and health when it was ${name}, and the store goes on`, async () => {
      await damage();
      const store = await open();
      try {
        assert.equal(
          (await store.write([{ device_id: 'd', measurement_type: 'n', timestamp: 1, value: 1 }]))
            .stored,
          1,
        );
        const { ok, detail } = await store.health();
        assert.equal(ok, true);
        assert.match(detail, /a damaged spool was put aside: .*spool\.db\.damaged-\d{8}T\d{6}Z$/);
        assert.match(logged.join(), /spool\.db was damaged; what waited in it for Memory 1\.0/);
      } finally {
        await store.close();
      }
      const names = await readdir(folder);
      assert.equal(names.filter((one) => /^spool\.db\.damaged-\d+T\d+Z$/.test(one)).length, 1);
      const again = await open();
      assert.doesNotMatch((await again.health()).detail, /damaged/);
      await again.close();
    });

  it('is put aside when the damage shows while it is in use, and a new one is begun', async () => {
    remote.faults.away = 'away';
    const store = await open();
    try {
      const info = await stat(file);
      await overwrite(4096, Buffer.alloc(info.size - 4096, 0xa5));
      delete remote.faults.away;
      await until('the damage was seen', async () =>
        /a damaged spool was put aside/.test((await store.health()).detail),
      );
      await until('the database is there', async () => (await store.health()).ok);
      remote.faults.away = 'away';
      for (const device_id of ['d1', 'new'])
        await store.write([{ device_id, measurement_type: 'n', timestamp: 99, value: 9 }]);
      delete remote.faults.away;
      await until('nothing waits', async () => (await store.health()).spool?.bytes === 0);
      assert.deepEqual(
        remote.rows().filter(([, time]) => time === 99),
        [
          ['d1//n', 99, 9],
          ['new//n', 99, 9],
        ],
      );
    } finally {
      await store.close();
    }
  });

  it('stays as it is when it is somebody else’s', async () => {
    file = join(folder, 'other.db');
    const diary = 'dear diary, '.repeat(100);
    await writeFile(file, diary);
    await assert.rejects(open(), /other\.db is not an SQLite database or is damaged/);
    assert.equal(await readFile(file, 'utf8'), diary);
    await rm(file);
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE diary (page TEXT)');
    other.close();
    await assert.rejects(open(), /belongs to another program/);
  });
});
