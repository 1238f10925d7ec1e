import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAesSecretBox, keyIdOf } from '../../nodes/adapters/secrets/aes-secret-box.ts';
import type { KeySettings } from '../../nodes/adapters/secrets/key-source.ts';
import { createSqliteRecordStore } from '../../nodes/adapters/storage/sqlite-record-store.ts';
import { changeSecretKey, checkSecrets } from '../../nodes/runtime/change-secret-key.ts';
import { runHubCommand } from '../../nodes/runtime/cli/main.ts';
import { openHubSecrets, type OpenedSecrets } from '../../nodes/runtime/hub-secrets.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Kept {
  id: string;
  secret: string;
  nested: { list: [string] };
}

describe('a change of the secret key', function () {
  this.timeout(60_000);
  let root: string;
  let dataDir: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'llm-iot-rotate-'));
  });
  after(() => rm(root, { recursive: true }));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(root, 'data-'));
  });

  const withRecords = async <T>(
    settings: KeySettings,
    use: (
      secrets: OpenedSecrets,
      records: Awaited<ReturnType<typeof createSqliteRecordStore>>,
    ) => Promise<T>,
  ): Promise<T> => {
    const records = await createSqliteRecordStore({ file: join(dataDir, 'hub.db') });
    try {
      return await use(await openHubSecrets({ records, dataDir, settings, log }), records);
    } finally {
      await records.close();
    }
  };
  const fill = (count: number, settings: KeySettings = {}): Promise<void> =>
    withRecords(settings, async ({ box }, records) => {
      const puts = Array.from({ length: count }, (_, i) => {
        const seal = (what: string): string => box.seal(`${what}-${i}`, `test:${i}`);
        const record: Kept = {
          id: `${i}`,
          secret: seal('secret'),
          nested: { list: [seal('nested')] },
        };
        return records.put('device', record.id, record);
      });
      await Promise.all(puts);
      await writeFile(join(dataDir, 'ca.sealed'), box.seal('a private key', 'test:file'));
    });
  /** Opens everything as a hub that starts does. */
  const readAll = (count: number, settings: KeySettings = {}): Promise<string> =>
    withRecords(settings, async ({ box }, records) => {
      const all = await records.all<Kept>('device');
      assert.equal(all.length, count);
      for (const { id, secret, nested } of all) {
        assert.equal(box.open(secret, `test:${id}`), `secret-${id}`);
        assert.equal(box.open(nested.list[0], `test:${id}`), `nested-${id}`);
      }
      const file = await readFile(join(dataDir, 'ca.sealed'), 'utf8');
      assert.equal(box.open(file, 'test:file'), 'a private key');
      return box.keyId;
    });
  const hub = async (...words: string[]): Promise<{ code: number; text: string }> => {
    const lines: string[] = [];
    const code = await runHubCommand([...words, '--data-dir', dataDir], (line) => lines.push(line));
    return { code, text: lines.join('\n') };
  };

  it('seals every record, file and the check value anew, and the old key opens nothing of it', async () => {
    await fill(20);
    const oldKey = await readFile(join(dataDir, 'secret-key'), 'utf8');
    const old = keyIdOf(Buffer.from(oldKey.trim(), 'base64url'));
    const { code, text } = await hub('secrets', 'rotate');
    assert.equal(code, 0, text);
    assert.match(text, /^42 values are sealed with the key [0-9a-f]{16} in .*secret-key/);
    assert.ok(text.includes(`backups made before now need the key ${old}`));
    assert.notEqual(await readAll(20), old);
    const check = await checkSecrets({ dataDir, settings: {} });
    assert.deepEqual([...check.byKey], [[check.keyId, 42]]);
    assert.ok(!(await readFile(join(dataDir, 'hub.db'))).includes(`sealed:v1:${old}`));
    await writeFile(join(dataDir, 'secret-key'), oldKey);
    await assert.rejects(readAll(20), /is not the one of this data directory/);
  });

  it('takes a new key from the environment before the old one, and says so when it is missing', async () => {
    const [old, next] = [randomBytes(32), randomBytes(32)];
    const only = { key: old.toString('hex') };
    const both = { key: `${next.toString('hex')} ${old.toString('hex')}` };
    await fill(3, only);
    await assert.rejects(
      changeSecretKey({ dataDir, settings: only }),
      /put the new key before the old one in LLM_IOT_SECRET_KEY/,
    );
    await readAll(3, both);
    await changeSecretKey({ dataDir, settings: both });
    assert.equal(await readAll(3, { key: next.toString('hex') }), keyIdOf(next));
  });

  it('is refused while a hub uses the directory, where none was, and with a wrong key; nothing changes', async () => {
    assert.deepEqual(await hub('secrets', 'rotate'), {
      code: 1,
      text: `there is no ${join(dataDir, 'hub.db')}: has the hub been started here?`,
    });
    await fill(1);
    const key = await readFile(join(dataDir, 'secret-key'), 'utf8');
    await withRecords({}, async () => {
      const { code, text } = await hub('secrets', 'rotate');
      assert.equal(code, 1);
      assert.match(text, /in use by another hub; stop it/);
      assert.equal((await hub('secrets', 'check')).code, 0, 'a check is possible');
    });
    assert.equal(await readFile(join(dataDir, 'secret-key'), 'utf8'), key);
    const settings = { key: randomBytes(32).toString('hex') };
    await assert.rejects(changeSecretKey({ dataDir, settings }), /is not the one/);
    await readAll(1);
  });

  it('leaves alone what only looks sealed, and a check tells of it', async () => {
    await fill(1);
    const fake = createAesSecretBox([randomBytes(32)]).seal('x', 'y');
    await withRecords({}, (_, records) => records.put('alert', 'a', { text: fake }));
    const checked = await hub('secrets', 'check');
    assert.equal(checked.code, 1);
    assert.match(checked.text, /1 of them cannot be opened/);
    assert.match((await hub('secrets', 'rotate')).text, /1 of them could not be opened/);
    await withRecords({}, async (_, records) =>
      assert.deepEqual(await records.all('alert'), [{ text: fake }]),
    );
    await readAll(1);
  });

  it('can be cut off between any two of its steps: all stays readable, and the next call ends it', async () => {
    await fill(5);
    const file = (name: string): string => join(dataDir, name);
    const old = await readFile(file('secret-key'), 'utf8');
    const before = join(root, 'before');
    await cp(dataDir, before, { recursive: true });
    await changeSecretKey({ dataDir, settings: {} });
    const after = join(root, 'after');
    await cp(dataDir, after, { recursive: true });
    const fresh = await readFile(file('secret-key'), 'utf8');

    const states = [
      { database: before, sealedFile: before }, // both keys are written
      { database: after, sealedFile: before }, // the records are done
      { database: after, sealedFile: after }, // the files too
    ];
    for (const { database, sealedFile } of states) {
      await cp(join(database, 'hub.db'), file('hub.db'));
      await cp(join(sealedFile, 'ca.sealed'), file('ca.sealed'));
      await writeFile(file('secret-key'), fresh + old, { mode: 0o600 });
      await readAll(5);
      await changeSecretKey({ dataDir, settings: {} });
      await readAll(5);
      assert.equal(await readFile(file('secret-key'), 'utf8'), fresh, 'no third key was made');
    }
  });

  it('can be killed at any moment', async () => {
    await fill(2_000);
    const script = `
      import { changeSecretKey } from ${JSON.stringify(join(import.meta.dirname, '../../nodes/runtime/change-secret-key.ts'))};
      console.log('go');
      await changeSecretKey({ dataDir: ${JSON.stringify(dataDir)}, settings: {} });
      console.log('done');`;
    let killed = 0;
    for (const delayMs of [0, 10, 20, 40, 80, 160]) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      setTimeout(() => child.kill('SIGKILL'), delayMs);
      await ended;
      if (child.signalCode === 'SIGKILL') killed += 1;
      await readAll(2_000);
    }
    assert.ok(killed > 0, 'at least one of them was cut off');
    await changeSecretKey({ dataDir, settings: {} });
    await readAll(2_000);
    const { byKey } = await checkSecrets({ dataDir, settings: {} });
    assert.equal(byKey.size, 1);
  });
});
