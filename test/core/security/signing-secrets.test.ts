import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createAesSecretBox } from '../../../nodes/adapters/secrets/aes-secret-box.ts';
import { nodeMac } from '../../../nodes/adapters/signing/node-mac.ts';
import { createSigningSecrets } from '../../../nodes/core/security/signing-secrets.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

async function start(
  records = createMemoryRecords(),
  clock = createFakeClock(),
  key = randomBytes(32),
) {
  const box = createAesSecretBox([key]);
  const secrets = createSigningSecrets({ records, clock, box, mac: nodeMac });
  await secrets.load();
  return { records, clock, key, secrets };
}

describe('signing secrets', () => {
  it('are on record, sealed, and there again after a stop', async () => {
    const { secrets, records, clock, key } = await start();
    const { secret } = await secrets.issue('caller:k1', 0);
    assert.deepEqual(secrets.of('caller:k1'), [secret]);
    assert.ok(!JSON.stringify(await records.all('signing_secret')).includes(secret.slice(6, 20)));
    const again = await start(records, clock, key);
    assert.deepEqual(again.secrets.of('caller:k1'), [secret]);
    assert.deepEqual(again.secrets.of('device:k1'), []);
    assert.equal(again.secrets.has('caller:k2'), false);
  });

  it('cannot be opened for another signer, or with another key', async () => {
    const { secrets, records, clock, key } = await start();
    await secrets.issue('caller:k1', 0);
    const [record] = await records.all<object>('signing_secret');
    await records.put('signing_secret', 'caller:k2', { ...record, signer: 'caller:k2' });
    const again = await start(records, clock, key);
    assert.throws(() => again.secrets.of('caller:k2'));
    const stranger = await start(records, clock);
    assert.throws(() => stranger.secrets.of('caller:k1'));
  });

  it('overlap: the old one is good for as long as it was said, three at a time', async () => {
    const { secrets, clock } = await start();
    const issue = async (overlapMs: number): Promise<string> =>
      (await secrets.issue('caller:k1', overlapMs)).secret;
    const first = await issue(1_000);
    const second = await issue(1_000);
    assert.deepEqual(secrets.of('caller:k1'), [second, first]);
    const third = await issue(5_000);
    const fourth = await issue(5_000);
    assert.deepEqual(secrets.of('caller:k1'), [fourth, third, second]);
    clock.advance(1_000);
    assert.deepEqual(secrets.of('caller:k1'), [fourth, third, second]);
    clock.advance(4_000);
    assert.deepEqual(secrets.of('caller:k1'), [fourth]);
    const fifth = await issue(0);
    assert.deepEqual(secrets.of('caller:k1'), [fifth]);
  });

  it('go when they are removed', async () => {
    const { secrets, records } = await start();
    await secrets.issue('device:d1', 0);
    await secrets.remove('device:d1');
    assert.deepEqual(secrets.of('device:d1'), []);
    assert.deepEqual(await records.all('signing_secret'), []);
    await secrets.remove('device:d1');
  });
});
