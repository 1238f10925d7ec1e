import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteRecordStore } from '../../nodes/adapters/storage/sqlite-record-store.ts';
import type { KeySettings } from '../../nodes/adapters/secrets/key-source.ts';
import { openHubSecrets, type OpenedSecrets } from '../../nodes/runtime/hub-secrets.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const given = (): KeySettings => ({ key: randomBytes(32).toString('hex') });

describe('the key of a data directory', () => {
  let root: string;
  let dataDir: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'llm-iot-secrets-'));
    dataDir = await mkdtemp(join(root, 'data-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const open = async (settings: KeySettings, dir = dataDir): Promise<OpenedSecrets> => {
    const records = await createSqliteRecordStore({ file: join(dir, 'hub.db') });
    try {
      return await openHubSecrets({ records, dataDir: dir, settings, log });
    } finally {
      await records.close();
    }
  };

  it('is made on the first start and found on the next', async () => {
    const first = await open({});
    assert.equal(first.made, true);
    const sealed = first.box.seal('secret', 'p');
    const second = await open({});
    assert.equal(second.made, undefined);
    assert.equal(second.box.open(sealed, 'p'), 'secret');
  });

  it('is refused when it is another one, by the id of the one that is needed', async () => {
    const { box } = await open(given());
    await assert.rejects(open(given()), (error: Error) => {
      assert.match(error.message, /LLM_IOT_SECRET_KEY is not the one .* Put back the right key/);
      assert.ok(error.message.includes(box.keyId));
      return true;
    });
  });

  it('is missed when it is gone: no new one is made in its place', async () => {
    const { box } = await open({});
    await rm(join(dataDir, 'secret-key'));
    for (let attempt = 0; attempt < 2; attempt++)
      await assert.rejects(
        open({}),
        (error: Error) => error.message.includes(box.keyId) && /is missing/.test(error.message),
      );
  });

  it('is still known when the disk damaged the value that proves it', async () => {
    const { box } = await open({});
    const records = await createSqliteRecordStore({ file: join(dataDir, 'hub.db') });
    const [check] = await records.all<{ sealed: string }>('key_check');
    const sealed = check?.sealed.replace(/.{4}$/, 'AAAA') ?? '';
    await records.put('key_check', 'key_check', { sealed });
    await records.close();
    assert.equal((await open({})).box.keyId, box.keyId);
    await assert.rejects(open(given()), /is not the one/);
  });

  it('is not in a backup, which nobody can open without it', async () => {
    const { box } = await open({});
    const sealed = box.seal('secret', 'p');
    const records = await createSqliteRecordStore({ file: join(dataDir, 'hub.db') });
    await records.put('device', 'd', { device_id: 'd', secret: sealed });
    const restored = await mkdtemp(join(root, 'restored-'));
    await records.backup(join(restored, 'hub.db'));
    await records.close();
    await assert.rejects(open({}, restored), /is missing/);
    await assert.rejects(open(given(), restored), /is not the one/);
    await cp(join(dataDir, 'secret-key'), join(restored, 'secret-key'));
    assert.equal((await open({}, restored)).box.open(sealed, 'p'), 'secret');
  });
});
