import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createAesSecretBox } from '../../../nodes/adapters/secrets/aes-secret-box.ts';
import { keepSensitive, sensitiveNamesOf } from '../../../nodes/core/device/sensitive.ts';
import { sealSensitive } from '../../../nodes/core/security/sealed-records.ts';
import { isSealed } from '../../../nodes/core/security/sealed.ts';
import { masked, sensitiveNames } from '../../../nodes/core/security/sensitive.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

const secret = { type: 'string', 'x-sensitive': true };
const device = {
  device_id: 'd1',
  static_schema: { commands: { set_wifi: { arguments: { ssid: 'string', password: secret } } } },
  commands: [{ name: 'unlock', arguments: { type: 'object', properties: { pin: secret } } }],
};

describe('names that a schema marks with x-sensitive', () => {
  it('are found at properties, elements, alternatives and definitions, at every depth', () => {
    const schema = {
      properties: {
        plain: { type: 'string' },
        a: secret,
        list: { type: 'array', items: secret },
        either: { anyOf: [{ type: 'null' }, secret] },
        deep: { properties: { b: secret } },
        referring: { $ref: '#/$defs/token' },
        again: { $ref: '#/$defs/alias' },
      },
      $defs: { token: secret, alias: { $ref: '#/$defs/token' } },
    };
    assert.deepEqual(
      [...sensitiveNames(schema)].sort(),
      ['a', 'again', 'alias', 'b', 'either', 'list', 'referring', 'token'].sort(),
    );
    assert.deepEqual(
      [...sensitiveNames(device.static_schema, device.commands)],
      ['password', 'pin'],
    );
    assert.deepEqual([...sensitiveNames({ properties: { a: { 'x-sensitive': 'no' } } })], []);
  });

  it('stay secret when a later schema marks them no more', () => {
    const before = { static_schema: {}, commands: device.commands };
    const next = keepSensitive<Parameters<typeof sensitiveNamesOf>[0]>(before, {
      static_schema: {},
      commands: [],
    });
    assert.deepEqual(next.sensitive, ['pin']);
    const later = keepSensitive(next, { ...next, commands: [] });
    assert.deepEqual([...sensitiveNamesOf(later)], ['pin']);
  });

  it('are masked as a whole wherever they stand, but not their own schemas', () => {
    const names = new Set(['password', 'keys']);
    const shown = masked(
      { ssid: 'home', password: 'p', more: [{ keys: { a: 1 } }], schema: { password: secret } },
      names,
    );
    assert.deepEqual(shown, {
      ssid: 'home',
      password: '***',
      more: [{ keys: '***' }],
      schema: { password: secret },
    });
  });
});

describe('records with sensitive values', () => {
  const create = () => {
    const plain = createMemoryRecords();
    const box = createAesSecretBox([randomBytes(32)]);
    return { plain, box, records: sealSensitive(plain, box) };
  };

  it('are stored with these sealed, and read as they were', async () => {
    const { plain, records } = create();
    const record = {
      ...device,
      applied_config: { ssid: 'home', password: 'hunter22', nested: [{ pin: 1234 }] },
    };
    await records.put('device', 'd1', record);
    const stored = plain.peek('device', 'd1')!['applied_config'] as typeof record.applied_config;
    assert.equal(stored.ssid, 'home');
    assert.ok(isSealed(stored.password) && isSealed(stored.nested[0]?.pin));
    assert.deepEqual(await records.all('device'), [record]);
  });

  it('are commands too: arguments, results, errors and late answers', async () => {
    const { plain, records } = create();
    const command = {
      command_id: 'c1',
      sensitive: ['password'],
      arguments: { password: 'hunter22' },
      result: { applied_config: { password: 'hunter22' } },
      error: { code: 1, message: '', data: { device_error: { password: 'hunter22' } } },
      late_answer: { password: 'hunter22' },
    };
    await records.put('command', 'c1', command);
    assert.ok(!JSON.stringify(plain.peek('command', 'c1')).includes('hunter22'));
    assert.deepEqual(await records.all('command'), [command]);
  });

  it('cannot be moved to another record, and what only looks sealed stays as it is', async () => {
    const { plain, box, records } = create();
    await records.put('device', 'd1', { ...device, applied_config: { password: 'hunter22' } });
    const sealed = (plain.peek('device', 'd1')!['applied_config'] as { password: string }).password;
    await plain.put('device', 'd2', { device_id: 'd2', applied_config: { name: sealed } });
    await plain.put('device', 'd3', {
      device_id: 'd3',
      applied_config: { password: 'from before' },
    });
    const [, moved, before] = await records.all<{ applied_config: object }>('device');
    assert.deepEqual(moved?.applied_config, { name: sealed });
    assert.deepEqual(before?.applied_config, { password: 'from before' });
    assert.equal(box.open(sealed, 'device:d1'), '"hunter22"');
  });
});
