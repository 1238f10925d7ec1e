import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createSqliteRecordStore } from '../../../nodes/adapters/storage/sqlite-record-store.ts';
import { recordStoreContract } from '../../contract/record-store.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';

recordStoreContract('SQLite', {
  open: (folder) => createSqliteRecordStore({ file: join(folder, 'hub.db') }),
  spawnWriter: (folder) => spawnDurableWriter('records', folder),
});

describe('createSqliteRecordStore', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sqlite-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

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
