import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchPolicyFile } from '../../../nodes/adapters/attestation/policy-file.ts';
import { createVendor } from '../../support/attesting-device.ts';
import { createMemoryLog } from '../../support/domain.ts';

describe('attestation.json', () => {
  const vendor = createVendor('es256', 'vendor');
  const keys = [{ key_id: 'vendor', public_key: vendor.publicKey }];
  const measurement = 'AB'.repeat(32);
  let dir: string;
  let path: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llm-iot-attestation-'));
    path = join(dir, 'attestation.json');
  });
  afterEach(() => rm(path, { force: true }));
  after(() => rm(dir, { recursive: true }));

  it('says which keys, firmware and types of device, and is read anew when it changes', async () => {
    const log = createMemoryLog();
    const policy = watchPolicyFile(path, log);
    assert.equal(policy(), undefined);
    const measurements = [{ measurement }, { measurement: 'cd'.repeat(32), device_types: ['mcu'] }];
    await writeFile(path, JSON.stringify({ keys, measurements, required_for: ['mcu'] }));
    assert.deepEqual([...(policy()?.keys.keys() ?? [])], ['vendor']);
    assert.deepEqual(
      [...(policy()?.measurements ?? [])],
      [
        [measurement.toLowerCase(), undefined],
        ['cd'.repeat(32), new Set(['mcu'])],
      ],
    );
    assert.deepEqual(policy()?.requiredFor, new Set(['mcu']));
    await writeFile(path, '{"keys":');
    assert.deepEqual(policy()?.requiredFor, new Set(['mcu']), 'what it said before still holds');
    assert.match(log.lines.at(-1) ?? '', /is no JSON; what it said before still holds/);
    await writeFile(path, '{}');
    assert.equal(policy()?.requiredFor.size, 0);
    await rm(path);
    assert.equal(policy(), undefined);
  });

  it('is refused at the start with the place that is wrong', async () => {
    const pem = (key: { publicKey: { export(how: object): unknown } }): string =>
      key.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const p384 = pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }));
    const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }));
    const secret = generateKeyPairSync('ed25519').privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    const key = (public_key: unknown): object => ({ keys: [{ key_id: 'k', public_key }] });
    const bad: [unknown, RegExp][] = [
      [[], /must be an object/],
      [{ key: [] }, /key is none of keys, measurements, required_for/],
      [{ keys: {} }, /keys must be a list/],
      [{ keys: [{ public_key: vendor.publicKey }] }, /keys\[0\]\.key_id/],
      [{ keys: [...keys, ...keys] }, /keys\[1\]\.key_id is there twice/],
      [key('text'), /keys\[0\]\.public_key is no public key/],
      [key(p384), /neither an Ed25519 nor a P-256 key/],
      [key(rsa), /neither an Ed25519 nor a P-256 key/],
      [key(secret), /is a private key; give the public one/],
      [
        { measurements: [{ measurement: 'ab' }] },
        /measurements\[0\]\.measurement must be a SHA-256/,
      ],
      [{ measurements: [{ measurement, device_types: 'mcu' }] }, /device_types must be a list/],
      [{ required_for: [1] }, /required_for must be a list of texts/],
    ];
    for (const [content, reason] of bad) {
      await writeFile(path, JSON.stringify(content));
      assert.throws(() => watchPolicyFile(path, createMemoryLog()), reason);
    }
    await writeFile(path, ' '.repeat(5_000_000));
    assert.throws(() => watchPolicyFile(path, createMemoryLog()), /larger than/);
  });
});
