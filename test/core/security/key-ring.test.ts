import assert from 'node:assert/strict';
import { createKeyRing } from '../../../nodes/core/security/key-ring.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeIds } from '../../support/fake-ids.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

const createRig = () => {
  const records = createMemoryRecords();
  const ids = createFakeIds();
  const open = async () => {
    const ring = createKeyRing({ records, ids, clock: createFakeClock() });
    await ring.load();
    return ring;
  };
  return { records, ids, open };
};

describe('the key ring', () => {
  it('knows the holder of a key it issued, also after a restart', async () => {
    const { open } = createRig();
    const { key, record } = await (await open()).issue({ role: 'device', device_id: 'd1' });
    const again = await open();
    assert.deepEqual(again.authenticate(key), {
      id: record.id,
      role: 'device',
      means: 'key',
      device_id: 'd1',
    });
    assert.ok(again.has(record.id));
  });

  it('keeps no key, only its hash', async () => {
    const { records, open } = createRig();
    const { key, record } = await (await open()).issue({ role: 'llm_read' });
    const stored = JSON.stringify(records.peek('key', record.id));
    assert.doesNotMatch(stored, new RegExp(key));
    assert.match(stored, /"hash":"[0-9a-f]{64}"/);
  });

  it('knows nobody for wrong, empty and oversized keys', async () => {
    const ring = await createRig().open();
    const { key } = await ring.issue({ role: 'llm_read' });
    for (const wrong of [
      '',
      `${key}x`,
      key.slice(1),
      key.toUpperCase(),
      '__proto__',
      'x'.repeat(513),
    ]) {
      assert.equal(ring.authenticate(wrong), undefined);
    }
  });

  it('makes an adopted key the only one of its holder', async () => {
    const { records, open } = createRig();
    const ring = await open();
    await ring.adopt('first-admin-key-1', { id: 'admin', role: 'llm_admin' });
    await ring.adopt('second-admin-key-2', { id: 'admin', role: 'llm_admin' });
    for (const one of [ring, await open()]) {
      assert.equal(one.authenticate('first-admin-key-1'), undefined);
      assert.deepEqual(one.authenticate('second-admin-key-2'), {
        id: 'admin',
        role: 'llm_admin',
        means: 'key',
      });
    }
    assert.equal(records.count('key'), 1);
  });

  it('writes nothing when the adopted key is the one it has', async () => {
    const { records, open } = createRig();
    const holder = { id: 'registration', role: 'device', registration: true } as const;
    await (await open()).adopt('registration-key', holder);
    await (await open()).adopt('registration-key', holder);
    assert.equal(records.writes(), 1);
  });

  it('refuses a key that is too short, too long, or somebody else’s', async () => {
    const ring = await createRig().open();
    await ring.adopt('one-and-the-same', { id: 'admin', role: 'llm_admin' });
    await assert.rejects(
      ring.adopt('one-and-the-same', { id: 'registration', role: 'device' }),
      /same as the key of admin/,
    );
    await assert.rejects(ring.adopt('short', { id: 'a', role: 'llm_admin' }), /8 to 512/);
    await assert.rejects(ring.adopt('x'.repeat(513), { id: 'a', role: 'llm_admin' }), /8 to 512/);
  });

  it('forgets every key of a removed device, and of no other', async () => {
    const { records, open } = createRig();
    const ring = await open();
    const first = await ring.issue({ role: 'device', device_id: 'd1' });
    const second = await ring.issue({ role: 'device', device_id: 'd1' });
    const other = await ring.issue({ role: 'device', device_id: 'd2' });
    await ring.revokeDevice('d1');
    await ring.revokeDevice('d9');
    assert.equal(ring.authenticate(first.key), undefined);
    assert.equal(ring.authenticate(second.key), undefined);
    assert.ok(ring.authenticate(other.key));
    assert.equal(records.count('key'), 1);
  });

  it('lets nobody in with a key that could not be stored', async () => {
    const { records, ids, open } = createRig();
    const ring = await open();
    const made: string[] = [];
    ids.secret = (prefix) => {
      const key = `${prefix}_known`;
      made.push(key);
      return key;
    };
    records.failWith(new Error('disk full'));
    await assert.rejects(ring.issue({ role: 'llm_admin' }), /disk full/);
    assert.equal(ring.authenticate(made[0]!), undefined);
  });
});
