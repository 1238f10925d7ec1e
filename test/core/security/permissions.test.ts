import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { MethodDeclaration } from '../../../nodes/core/rpc/types.ts';
import { createCallRate } from '../../../nodes/core/security/call-rate.ts';
import { createAuthorizer } from '../../../nodes/core/security/permissions.ts';
import { roles } from '../../../nodes/core/security/types.ts';
import type { Principal, Role } from '../../../nodes/core/security/types.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { method } from '../../support/rpc-rig.ts';

const sensors: Record<string, string> = { s1: 'd1', s2: 'd2' };
const authorize = createAuthorizer({
  ownerOf: (id) => sensors[id],
  requireSeen: () => undefined,
  rate: createCallRate({ clock: createFakeClock() }),
});

const allows = (
  declaration: MethodDeclaration,
  params: Record<string, unknown>,
  principal: Principal,
): boolean => {
  try {
    authorize(declaration, params, principal);
    return true;
  } catch (error) {
    assert.ok(error instanceof RpcError);
    assert.equal(error.code, -32005);
    assert.ok(error.reason.length > 10);
    return false;
  }
};

describe('who may call what', () => {
  const admitted: Record<string, readonly Role[]> = {
    'data.query': ['llm_read', 'llm_write', 'user_viewer', 'user_operator'],
    'device.execute': ['llm_write', 'user_operator'],
    'device.remove': [],
  };
  for (const [name, declared] of Object.entries(admitted)) {
    for (const role of roles.filter((one) => one !== 'device')) {
      const may = role === 'llm_admin' || declared.includes(role);
      it(`${role} ${may ? 'may' : 'may not'} call ${name}`, () => {
        assert.equal(allows(method(name, { roles: declared }), {}, { id: 'k', role }), may);
      });
    }
  }

  it('says which roles may, to one that may not', () => {
    assert.throws(
      () => authorize(method('x', { roles: ['llm_write'] }), {}, { id: 'k', role: 'llm_read' }),
      {
        code: -32005,
        details: { method: 'x', role: 'llm_read', allowed_roles: ['llm_write', 'llm_admin'] },
      },
    );
  });

  it('lets a registration key register and nothing else', () => {
    const key: Principal = { id: 'r', role: 'device', registration: true };
    assert.ok(allows(method('device.register', { roles: ['device'] }), { device_id: 'd9' }, key));
    assert.ok(!allows(method('telemetry.update', { roles: ['device'] }), {}, key));
    assert.ok(allows(method('hub.health', { roles: [], open: true }), {}, key));
  });
});

describe("a device's own key", () => {
  const d1: Principal = { id: 'k1', role: 'device', device_id: 'd1' };
  const takes = (...names: string[]) =>
    method('m', {
      roles: ['device'],
      params: { properties: Object.fromEntries(names.map((name) => [name, {}])) },
    });

  const matrix: [
    title: string,
    declaration: MethodDeclaration,
    params: Record<string, unknown>,
    may: boolean,
  ][] = [
    ['itself', takes('device_id'), { device_id: 'd1' }, true],
    ['a sensor of its own', takes('device_id'), { device_id: 's1' }, true],
    ['another device', takes('device_id'), { device_id: 'd2' }, false],
    ['a sensor of another device', takes('sensor_id'), { sensor_id: 's2' }, false],
    ['an MCU that is itself', takes('mcu_id'), { mcu_id: 'd1' }, true],
    ['another MCU', takes('mcu_id'), { mcu_id: 'd2' }, false],
    ['a list of its own', takes('device_ids'), { device_ids: ['d1', 's1'] }, true],
    ['a list with another in it', takes('device_ids'), { device_ids: ['d1', 'd2'] }, false],
    [
      'itself and, in a second field, another',
      takes('device_id', 'sensor_id'),
      { device_id: 'd1', sensor_id: 's2' },
      false,
    ],
    ['no target where the method has one', takes('device_ids'), {}, false],
    ['no target where the method has none', takes('limit'), {}, true],
    ['a target the schema does not speak of', takes('limit'), { device_id: 'd2' }, false],
    ['an id that is no string', takes('device_id'), { device_id: { toString: 'd1' } }, false],
    ['an unknown id', takes('device_id'), { device_id: 'nobody' }, false],
    ['a name from the prototype', takes('device_id'), { device_id: 'constructor' }, false],
  ];
  for (const [title, declaration, params, may] of matrix) {
    it(`${may ? 'may' : 'may not'} act for ${title}`, () => {
      assert.equal(allows(declaration, params, d1), may);
    });
  }

  it('may not slip in a sensor of another where the schema declares ids further down', () => {
    const reading = { type: 'object', properties: { sensor_id: { type: 'string' } } };
    const update = method('telemetry.update', {
      roles: ['device'],
      params: {
        properties: {
          device_id: {},
          data: { properties: { live_readings: { type: 'array', items: reading } } },
        },
      },
    });
    const params = (sensor_id: string) => ({
      device_id: 'd1',
      data: { live_readings: [{}, { sensor_id }] },
    });
    assert.ok(allows(update, params('s1'), d1));
    assert.ok(!allows(update, params('s2'), d1));
  });

  it('may use any name inside its own free-form data', () => {
    assert.ok(
      allows(
        takes('device_id', 'static_schema'),
        { device_id: 'd1', static_schema: { device_id: '0x58' } },
        d1,
      ),
    );
  });

  it('may register without an id, and again only as itself', () => {
    const register = method('device.register', {
      roles: ['device'],
      params: { properties: { device_id: {} } },
    });
    assert.ok(allows(register, {}, d1));
    assert.ok(allows(register, { device_id: 'd1' }, d1));
    assert.ok(!allows(register, { device_id: 'd2' }, d1));
  });

  it('may do nothing if it belongs to no device', () => {
    assert.ok(!allows(takes('limit'), {}, { id: 'k', role: 'device' }));
  });
});
