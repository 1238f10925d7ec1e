import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createSqliteRecordStore } from '../../../nodes/adapters/storage/sqlite-record-store.ts';
import { createMemoryLog } from '../../support/domain.ts';
import type { RecordStore } from '../../../nodes/core/records.ts';
import { recordStoreContract } from '../../contract/record-store.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';

recordStoreContract('SQLite', {
  open: (folder) => createSqliteRecordStore({ file: join(folder, 'hub.db') }),
  spawnWriter: (folder) => spawnDurableWriter('records', folder),
});

describe('createSqliteRecordStore', () => {
  let folder: string;
  const opened: RecordStore[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sqlite-'));
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await rm(folder, { recursive: true });
  });

  it('writes 1,000 documents put at once in a handful of commits', async () => {
    const commits: number[] = [];
    const store = await createSqliteRecordStore({
      file: join(folder, 'hub.db'),
      onCommit: (changes) => commits.push(changes),
    });
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, n) => {
        await Promise.resolve();
        await store.put('device', String(n), { n });
      }),
    );
    assert.ok(commits.length <= 5, `${commits.length} commits`);
    assert.equal(
      commits.reduce((sum, changes) => sum + changes),
      1_000,
    );
    await store.close();
  });

  it('copies itself to a new file, with all that was put before, and overwrites none', async () => {
    const store = await createSqliteRecordStore({ file: join(folder, 'hub.db') });
    const copy = join(folder, 'copy.db');
    void store.put('device', 'a', { n: 1 });
    await store.backup(copy);
    await assert.rejects(store.backup(copy), /copy\.db|exists/);
    await store.put('device', 'b', { n: 2 });
    await store.close();
    const copied = await createSqliteRecordStore({ file: copy });
    assert.deepEqual(await copied.all('device'), [{ n: 1 }]);
    await copied.close();
  });

  it('says clearly that a file is no database', async () => {
    const file = join(folder, 'hub.db');
    await writeFile(file, 'dear diary, '.repeat(100));
    await assert.rejects(createSqliteRecordStore({ file }), /hub\.db is not an SQLite database/);
  });

  for (const [what, harm] of [
    ['is cut in half', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['has a page overwritten', (bytes: Buffer) => bytes.fill(7, 5 * 4_096, 6 * 4_096)],
    [
      'has a document that is none',
      (bytes: Buffer) => bytes.fill('x', bytes.indexOf('{"n":77,'), bytes.indexOf('{"n":77,') + 1),
    ],
    ['has lost its header', (bytes: Buffer) => bytes.fill(0, 0, 100)],
  ] as const)
    it(`puts a file aside that ${what}, says so, and goes on with what can be read of it`, async () => {
      const file = join(folder, 'hub.db');
      const log = createMemoryLog();
      const open = async (): Promise<RecordStore> => {
        const store = await createSqliteRecordStore({ file, log });
        opened.push(store);
        return store;
      };
      const first = await open();
      const text = 'x'.repeat(100);
      await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          first.put(n < 100 ? 'device' : 'key', String(n).padStart(3, '0'), { n, text }),
        ),
      );
      await first.close();
      await writeFile(file, harm(await readFile(file)));

      const second = await open();
      const said =
        /hub\.db: the file was damaged and put aside as .*hub\.db\.damaged-\S+, .* (\d+) doc/;
      const taken = Number(said.exec(log.lines.join('\n'))?.[1]);
      const kept = [...(await second.all('device')), ...(await second.all('key'))] as {
        n: number;
      }[];
      assert.equal(kept.length, taken);
      for (const { n, ...rest } of kept) assert.deepEqual({ n, ...rest }, { n, text });
      assert.ok(what.includes('header') ? taken === 200 : taken >= 50 && taken < 200, `${taken}`);
      await second.put('device', 'new', { n: -1 });
      await second.close();
      log.lines.length = 0;
      const third = await open();
      assert.equal((await third.all('device')).length + (await third.all('key')).length, taken + 1);
      assert.deepEqual(log.lines, []);
      await third.close();
    });

  it('rejects what is under way when its thread dies', async () => {
    let thread: Worker | undefined;
    const store = await createSqliteRecordStore({
      file: join(folder, 'hub.db'),
      startThread: (url) => (thread = new Worker(url)),
    });
    const written = store.put('device', 'x', { n: 1 });
    const [outcome] = await Promise.allSettled([written, thread?.terminate()]);
    assert.equal(outcome.status, 'rejected');
    await assert.rejects(store.all('device'), /storage thread ended/);
    await store.close();
  });
});
