import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKeys, type FoundKeys } from '../../../nodes/adapters/secrets/key-source.ts';

describe('where the key is looked for', () => {
  const key = randomBytes(32);
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llm-iot-keys-'));
  });
  after(() => rm(dir, { recursive: true }));

  const found = async (settings: Parameters<typeof findKeys>[0]): Promise<FoundKeys> => {
    const result = await findKeys(settings, dir, () => true);
    assert.ok(result);
    return result;
  };
  const printing = (script: string): string =>
    JSON.stringify([process.execPath, '-e', script, '$(touch pwned)', '; exit 1']);

  it('takes 32 bytes in hexadecimal, base64 or base64url, and several of them', async () => {
    for (const form of ['hex', 'base64', 'base64url'] as const)
      assert.deepEqual((await found({ key: key.toString(form) })).keys, [key]);
    const old = randomBytes(32);
    const two = await found({ key: `${key.toString('hex')}, ${old.toString('base64')}` });
    assert.deepEqual(two.keys, [key, old]);
  });

  it('refuses what is no key or a weak one, and does not repeat it', async () => {
    const passphrase = 'correct horse battery staple ok?';
    const weak = [
      'correct-horse-battery-staple',
      passphrase,
      Buffer.from(passphrase).toString('base64'),
      '0'.repeat(64),
      '0123456789abcdef'.repeat(4),
      key.toString('hex').slice(2),
    ];
    for (const text of weak)
      await assert.rejects(found({ key: text }), (error: Error) => {
        assert.match(error.message, /LLM_IOT_SECRET_KEY .*32 random bytes/);
        assert.ok(!error.message.includes(text));
        return true;
      });
    const nine = Array(9).fill(key.toString('hex')).join(' ');
    await assert.rejects(found({ key: nine }), /more than 8 keys/);
  });

  it('prefers the variable to the file, the file to the command, and that to its own file', async () => {
    const [second, third] = [randomBytes(32), randomBytes(32)];
    const file = join(dir, 'given');
    await writeFile(file, second.toString('hex'), { mode: 0o600 });
    const command = printing(`console.log('${third.toString('hex')}')`);
    assert.deepEqual((await found({ key: key.toString('hex'), file, command })).keys, [key]);
    assert.deepEqual((await found({ file, command })).keys, [second]);
    assert.deepEqual((await found({ command })).keys, [third]);
  });

  it('reads no file that others may read, that is not there or that is large', async () => {
    const file = join(dir, 'open');
    await assert.rejects(found({ file }), /there is no file/);
    await writeFile(file, key.toString('hex'));
    await chmod(file, 0o640);
    await assert.rejects(found({ file }), /chmod 600/);
    await writeFile(file, 'a'.repeat(5000));
    await chmod(file, 0o600);
    await assert.rejects(found({ file }), /too large/);
    await assert.rejects(found({ file: dir }), /is no file/);
  });

  it('runs a command without a shell, and tells why it failed without what it printed', async () => {
    const echoed = await found({ command: printing(`console.log('${key.toString('hex')}')`) });
    assert.deepEqual(echoed.keys, [key]);
    await assert.rejects(stat('pwned'));
    const failures: [command: string, message: RegExp][] = [
      [printing('console.log("s3cret"); process.exit(3)'), /exit code 3$/],
      [printing('console.log("s3cret".repeat(9999))'), /more than 4096 bytes$/],
      [printing('console.log("s3cret")'), /what .* prints is no key/],
      ['/no/such/program --key', /there is no such program$/],
      ['["unclosed"', /no JSON array/],
      ['[]', /names no program/],
    ];
    for (const [command, message] of failures)
      await assert.rejects(found({ command }), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes('s3cret'));
        return true;
      });
  });

  it('makes a key in the data directory once, for its owner alone, and only where it may', async () => {
    const fresh = await mkdtemp(join(dir, 'data-'));
    assert.equal(await findKeys({}, fresh, () => false), undefined);
    const made = await findKeys({}, fresh, () => true);
    assert.equal(made?.made, true);
    const path = join(fresh, 'secret-key');
    assert.equal(made.from, path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal(made.keys[0]?.toString('base64url'), (await readFile(path, 'utf8')).trim());
    const again = await findKeys({}, fresh, () => true);
    assert.deepEqual(again?.keys, made.keys);
    assert.equal(again.made, undefined);
  });
});
