import assert from 'node:assert/strict';
import type { JsonObject } from '../../../nodes/core/document.ts';
import { readScope } from '../../../nodes/core/security/scope.ts';
import { createTokenHolder, type TokenRules } from '../../../nodes/core/security/token-holder.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { systemIds } from '../../../nodes/runtime/system.ts';

const end = Date.UTC(2026, 0, 1, 12) / 1000;
const defaults: TokenRules = {
  roleClaim: 'llm_iot_role',
  roles: [
    ['writers', 'llm_write'],
    ['readers', 'llm_read'],
  ],
  scopeClaim: 'llm_iot_scope',
  toleranceSeconds: 30,
};

const hold = (claims: JsonObject, rules: Partial<TokenRules> = {}) =>
  createTokenHolder({
    rules: { ...defaults, ...rules },
    hash: (text) => systemIds.hash(text),
    hasDevice: (id) => id === 'mcu-1',
    readScope: (value) => readScope(value, 'llm_iot_scope'),
  })({ iss: 'https://login.example', sub: 'alice', exp: end, ...claims });

const principalOf = (claims: JsonObject, rules?: Partial<TokenRules>): Principal => {
  const holder = hold(claims, rules);
  assert.ok('principal' in holder, JSON.stringify(holder));
  return holder.principal;
};
const refusalOf = (claims: JsonObject, rules?: Partial<TokenRules>): string => {
  const holder = hold(claims, rules);
  assert.ok('refused' in holder, JSON.stringify(holder));
  return holder.refused;
};

describe('the holder of an access token', () => {
  it('has a role by a text, a text of several words, or a list', () => {
    for (const roles of ['readers', 'openid readers', ['x', 'readers']]) {
      assert.equal(principalOf({ llm_iot_role: roles }).role, 'llm_read', JSON.stringify(roles));
    }
  });

  it('has a role by a path, or by a claim that has dots in its name', () => {
    const path = { roleClaim: 'realm_access.roles' };
    assert.equal(principalOf({ realm_access: { roles: ['readers'] } }, path).role, 'llm_read');
    const name = { roleClaim: 'https://hub.example/roles' };
    assert.equal(principalOf({ 'https://hub.example/roles': 'readers' }, name).role, 'llm_read');
  });

  it('has of several roles the one that is mapped first', () => {
    assert.equal(principalOf({ llm_iot_role: ['readers', 'writers'] }).role, 'llm_write');
  });

  it('is refused without a role that is mapped, whatever else is there', () => {
    for (const roles of [
      undefined,
      null,
      '',
      [],
      {},
      { readers: true },
      7,
      true,
      'Readers',
      'llm_read',
      [['readers']],
      'readers\twriters',
      'constructor',
    ]) {
      assert.match(refusalOf({ llm_iot_role: roles }), /roles/, JSON.stringify(roles));
    }
    for (const roleClaim of [
      'constructor.name',
      '__proto__.x',
      'toString',
      'sub.length',
      '.',
      '',
    ]) {
      const roles = [['Object', 'llm_admin']] as const;
      assert.match(refusalOf({}, { roleClaim, roles }), /roles/, roleClaim);
    }
  });

  it('has an id of issuer and subject together', () => {
    const id = (more: object): string => principalOf({ llm_iot_role: 'readers', ...more }).id;
    assert.equal(id({}), id({ exp: end + 1, name: 'Alice' }));
    assert.notEqual(id({}), id({ sub: 'bob' }));
    assert.notEqual(id({}), id({ iss: 'https://other.example' }));
    assert.notEqual(id({ iss: 'a', sub: 'b|c' }), id({ iss: 'a|b', sub: 'c' }));
    assert.match(id({ sub: 'admin' }), /^token:[0-9a-f]{32}$/);
  });

  it('has a name that is clean and short', () => {
    const name = (more: object): string | undefined =>
      principalOf({ llm_iot_role: 'readers', ...more }).name;
    assert.equal(name({ name: 'Alice', preferred_username: 'al' }), 'Alice');
    assert.equal(name({ client_id: 'agent-7' }), 'agent-7');
    assert.equal(name({}), 'alice');
    assert.equal(name({ name: 'a\u202eb\n\u0000c' }), 'ab c');
    assert.equal(name({ name: 'x'.repeat(10_000) })?.length, 256);
    assert.equal(name({ name: { toString: 'x' } }), 'alice');
  });

  it('expires with the token and its tolerance', () => {
    const { expires_at: expiresAt } = principalOf({ llm_iot_role: 'readers' });
    assert.equal(expiresAt, '2026-01-01T12:00:30.000Z');
    for (const exp of [1e300, 8.64e12, NaN, undefined, 'soon']) {
      assert.match(refusalOf({ llm_iot_role: 'readers', exp }), /never ends/);
    }
  });

  it('is narrowed by the claim for it, and refused when that cannot be read', () => {
    const scope = { device_ids: ['mcu-1'], calls_per_minute: 10 };
    assert.deepEqual(principalOf({ llm_iot_role: 'readers', llm_iot_scope: scope }).scope, scope);
    assert.equal(principalOf({ llm_iot_role: 'readers' }).scope, undefined);
    for (const bad of [null, '', 'all', [], { device_ids: [] }, { everything: true }, 0]) {
      const reason = refusalOf({ llm_iot_role: 'readers', llm_iot_scope: bad });
      assert.match(reason, /llm_iot_scope cannot be read/, JSON.stringify(bad));
    }
  });

  it('is a device only where a claim with its id is set, and only one that exists', () => {
    const roles = [['sensors', 'device']] as const;
    const claims = { llm_iot_role: 'sensors', device: 'mcu-1' };
    assert.match(refusalOf(claims, { roles }), /no device/);
    const set = { roles, deviceIdClaim: 'device' };
    const principal = principalOf(claims, set);
    assert.equal(principal.device_id, 'mcu-1');
    assert.equal(principal.registration, undefined);
    for (const device of ['mcu-2', '', undefined, ['mcu-1'], { id: 'mcu-1' }]) {
      assert.match(refusalOf({ ...claims, device }, set), /no device/, JSON.stringify(device));
    }
    // The claim alone makes nobody a device.
    const reader = principalOf(
      { llm_iot_role: 'readers', device: 'mcu-1' },
      {
        deviceIdClaim: 'device',
      },
    );
    assert.equal(reader.device_id, undefined);
  });
});
