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

  describe('over time', () => {
    const hour = 3_600_000;
    const createTimed = async (deviceKeyMs = 0) => {
      const clock = createFakeClock();
      const records = createMemoryRecords();
      const open = async () => {
        const ring = createKeyRing({ records, ids: createFakeIds(), clock, deviceKeyMs });
        await ring.load();
        return ring;
      };
      const ring = await open();
      const ends: string[] = [];
      ring.onEnd((id, why) => ends.push(`${id} ${why}`));
      return { clock, records, open, ring, ends };
    };

    it('lets a rotated key in until its overlap ends, and says so once', async () => {
      const { clock, open, ring, ends } = await createTimed();
      const { key: first, record } = await ring.issue({ role: 'llm_read' });
      const { key: second } = await ring.rotate(record.id, hour);
      const { key: third } = await ring.rotate(record.id, hour);
      assert.equal(ring.authenticate(first), undefined, 'only the one before');
      for (const one of [ring, await open()])
        for (const key of [second, third]) assert.equal(one.authenticate(key)?.id, record.id);
      assert.deepEqual(ends, []);
      clock.advance(hour);
      for (const one of [ring, await open()]) {
        assert.equal(one.authenticate(second), undefined);
        assert.equal(one.authenticate(third)?.id, record.id);
      }
      clock.advance(48 * hour);
      assert.deepEqual(ends, [`${record.id} rotated`]);
    });

    it('ends keys when they expire, each at its time, however far away', async () => {
      const { clock, open, ring, ends } = await createTimed(40 * 24 * hour);
      const at = (ms: number) => new Date(clock.now() + ms).toISOString();
      const soon = await ring.issue({ role: 'llm_read', expires_at: at(2 * hour) });
      const sooner = await ring.issue({ role: 'llm_read', expires_at: at(hour) });
      const device = await ring.issue({ role: 'device', device_id: 'd1' });
      const registration = await ring.issue({ role: 'device', registration: true });
      clock.advance(hour);
      assert.deepEqual(ends, [`${sooner.record.id} expired`]);
      assert.equal(ring.authenticate(sooner.key), undefined);
      clock.advance(hour);
      clock.advance(40 * 24 * hour);
      assert.deepEqual(
        ends.slice(1),
        [soon, device].map(({ record }) => `${record.id} expired`),
      );
      for (const one of [ring, await open()]) {
        assert.equal(one.authenticate(device.key), undefined);
        assert.ok(one.authenticate(registration.key));
      }
      const { key } = await ring.rotate(device.record.id, 0);
      assert.equal(ring.authenticate(key)?.device_id, 'd1', 'its time begins anew');
    });

    it('knows when a key was used, and writes that once an hour and at the end', async () => {
      const { clock, records, open, ring } = await createTimed();
      const { key, record } = await ring.issue({ role: 'llm_read' });
      let writes = 0;
      const put = records.put.bind(records);
      records.put = (...args) => {
        writes += 1;
        return put(...args);
      };
      for (let i = 0; i < 90; i++) {
        ring.authenticate(key);
        clock.advance(60_000);
      }
      await new Promise(setImmediate);
      assert.equal(writes, 2);
      ring.authenticate(key);
      const used = new Date(clock.now()).toISOString();
      assert.equal(ring.get(record.id).last_used_at, used);
      await ring.close();
      assert.equal((await open()).get(record.id).last_used_at, used);
    });

    it('keeps one key valid whatever is done to it at the same time', async () => {
      const { open, ring } = await createTimed();
      const { key: first, record } = await ring.issue({ role: 'llm_read' });
      const rotated = await Promise.all([
        ring.rotate(record.id, 0),
        ring.rotate(record.id, 0),
        ring.setDisabled(record.id, true),
        ring.setDisabled(record.id, false),
        ring.rotate(record.id, 0),
      ]);
      const keys = rotated.flatMap((one) => ('key' in one ? [one.key] : []));
      for (const one of [ring, await open()]) {
        const valid = [first, ...keys].filter((key) => one.authenticate(key));
        assert.deepEqual(valid, keys.slice(-1));
      }
    });

    it('forgets a revoked key at once, and does not bring it back when its use is written', async () => {
      const { open, ring, ends } = await createTimed();
      const { key, record } = await ring.issue({ role: 'llm_read' });
      ring.authenticate(key);
      await ring.revoke(record.id);
      assert.equal(ring.authenticate(key), undefined);
      await ring.close();
      assert.equal((await open()).has(record.id), false);
      assert.deepEqual(ends, [`${record.id} revoked`]);
    });
  });
});
