import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordStore } from '../../nodes/core/records.ts';
import { killAtRandom } from '../support/kill-at-random.ts';

export interface RecordStoreUnderTest {
  /** Opens the store that lives in this folder, the same one each time. */
  open: (folder: string) => Promise<RecordStore>;
  /** A process that puts devices `{ n }` with the id n, from 0 on without end, and prints how many are acknowledged. */
  spawnWriter: (folder: string) => ChildProcess;
}

/** What every record store promises. */
export function recordStoreContract(
  name: string,
  { open, spawnWriter }: RecordStoreUnderTest,
): void {
  describe(`${name} as a record store`, () => {
    let folder: string;
    let store: RecordStore;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'records-'));
      store = await open(folder);
    });
    afterEach(async () => {
      await store.close();
      await rm(folder, { recursive: true });
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await open(folder);
    };

    it('keeps documents by kind and id over a restart', async () => {
      const document = { name: 'ünï 😀', labels: { a: [1, null, true] }, __proto__: undefined };
      await store.put('device', 'x', document);
      await store.put('sensor', 'x', { other: 1 });
      await reopen();
      assert.deepEqual(await store.all('device'), [
        { name: 'ünï 😀', labels: { a: [1, null, true] } },
      ]);
      assert.deepEqual(await store.all('sensor'), [{ other: 1 }]);
      assert.deepEqual(await store.all('alert'), []);
    });

    it('keeps the last of several writes of one document, in the order of the calls', async () => {
      await Promise.all([
        store.put('device', 'x', { n: 1 }),
        store.remove('device', 'x'),
        store.put('device', 'x', { n: 2 }),
        store.put('device', 'y', { n: 3 }),
        store.remove('device', 'y'),
      ]);
      assert.deepEqual(await store.all('device'), [{ n: 2 }]);
    });

    it('writes a document as it was at the time of the call', async () => {
      const document = { n: 1 };
      const written = store.put('device', 'x', document);
      document.n = 2;
      await written;
      assert.deepEqual(await store.all('device'), [{ n: 1 }]);
    });

    it('finds what was put before, even while its commit is under way', async () => {
      const written = store.put('device', 'x', { n: 1 });
      assert.deepEqual(await store.all('device'), [{ n: 1 }]);
      await written;
    });

    it('takes the removal of a document that is not there for no error', async () => {
      await store.remove('device', 'nobody');
    });

    it('survives ids that look like SQL or keys of objects', async () => {
      const ids = ["'; DROP TABLE records; --", '__proto__', 'constructor', '', '\u0000'];
      await Promise.all(ids.map((id, n) => store.put('key', id, { n })));
      await reopen();
      const found = await store.all<{ n: number }>('key');
      assert.deepEqual(found.map(({ n }) => n).sort(), [0, 1, 2, 3, 4]);
    });

    it('finishes what is under way when it is closed, and refuses what comes later', async () => {
      const writes = Array.from({ length: 50 }, (_, n) => store.put('device', String(n), { n }));
      await store.close();
      await Promise.all(writes);
      await assert.rejects(store.put('device', 'late', {}), /closed/);
      store = await open(folder);
      assert.equal((await store.all('device')).length, 50);
    });

    it('loses no acknowledged document when its process is killed', async function () {
      this.timeout(60_000);
      await store.close();
      for (let round = 0; round < 3; round++) {
        const acknowledged = await killAtRandom(spawnWriter(folder));
        store = await open(folder);
        const found = new Set((await store.all<{ n: number }>('device')).map(({ n }) => n));
        for (let n = 0; n < acknowledged; n++) assert.ok(found.has(n), `document ${n}`);
        await store.close();
      }
      store = await open(folder);
    });
  });
}
