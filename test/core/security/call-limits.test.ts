import assert from 'node:assert/strict';
import { openMemoryQuota } from '../../../nodes/adapters/limits/memory-quota.ts';
import type { RpcContext } from '../../../nodes/core/rpc/types.ts';
import {
  createCallLimits,
  type CallLimitSettings,
} from '../../../nodes/core/security/call-limits.ts';
import { createRefusals } from '../../../nodes/core/security/refusals.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { admin, deviceKey, registrar, rpcError } from '../../support/domain.ts';

const off: CallLimitSettings = {
  callsPerPrincipal: 0,
  bytesPerPrincipal: 0,
  callsPerAddress: 0,
  bytesPerAddress: 0,
  callsPerDevice: 0,
  callsPerMethod: {},
  callsInAll: 0,
  bytesInAll: 0,
  registrationsPerHour: 0,
};

const createRig = (settings: Partial<CallLimitSettings>) => {
  const clock = createFakeClock();
  const refusals = createRefusals({ audit: { record: () => undefined } });
  const mayTake = createCallLimits({
    settings: { ...off, ...settings },
    openQuota: openMemoryQuota,
    clock,
    refusals,
    isExempt: (address) => address === '127.0.0.1',
  });
  interface Asked {
    principal?: Principal;
    address?: string;
    method?: string;
    params?: object;
    bytes?: number;
    transport?: RpcContext['transport'];
  }
  /** How many of so many calls are taken. */
  const taken = async (times: number, asked: Asked = {}): Promise<number> => {
    let count = 0;
    const { method = 'device.list', params = {}, bytes = 100 } = asked;
    const { principal, address, transport = 'http' } = asked;
    for (let i = 0; i < times; i++) {
      const context = { principal, transport, ...(address !== undefined && { address }) };
      await mayTake({ method, params, bytes, context }).then(
        () => (count += 1),
        (error: unknown) => assert.ok(rpcError(-32006, /wait \d+ ms/)(error)),
      );
    }
    return count;
  };
  return { clock, refusals, mayTake, taken };
};

describe('limits of calls', () => {
  it('count the calls of each principal', async () => {
    const { taken, refusals } = createRig({ callsPerPrincipal: 2 });
    assert.equal(await taken(30, { principal: deviceKey('d1') }), 20);
    assert.equal(await taken(5, { principal: deviceKey('d2') }), 5);
    assert.deepEqual(refusals.counts(), { calls_per_principal: 10 });
  });

  it('count the bytes of each principal', async () => {
    const { taken } = createRig({ bytesPerPrincipal: 100 });
    assert.equal(await taken(5, { principal: admin, bytes: 400 }), 2);
  });

  it('count calls and bytes of an address, keys or not, but for exempt ones', async () => {
    const { taken, refusals } = createRig({ callsPerAddress: 1, bytesPerAddress: 1_000 });
    assert.equal(await taken(20, { address: '192.0.2.1' }), 10);
    assert.equal(await taken(20, { address: '2001:db8::1', principal: admin }), 10);
    assert.equal(await taken(1, { address: '2001:db8::2', principal: admin }), 0);
    assert.equal(await taken(3, { address: '192.0.2.2', bytes: 4_000 }), 2);
    assert.equal(await taken(50, { address: '127.0.0.1', bytes: 4_000 }), 50);
    assert.deepEqual(refusals.counts(), { calls_per_address: 21, bytes_per_address: 1 });
  });

  it('count the calls for one device, of all callers', async () => {
    const { taken } = createRig({ callsPerDevice: 1 });
    const params = { device_id: 'd1' };
    assert.equal(await taken(6, { principal: admin, params }), 6);
    assert.equal(await taken(6, { principal: deviceKey('d1'), params }), 4);
    assert.equal(await taken(6, { principal: admin, params: { device_id: 'd2' } }), 6);
  });

  it('count the calls of one principal for a method that is named', async () => {
    const { taken } = createRig({ callsPerMethod: { 'telemetry.query': 1 } });
    assert.equal(await taken(12, { principal: admin, method: 'telemetry.query' }), 10);
    assert.equal(await taken(12, { principal: admin, method: 'device.list' }), 12);
    assert.equal(await taken(5, { principal: deviceKey('d1'), method: 'telemetry.query' }), 5);
  });

  it('count all calls and all bytes of a second', async () => {
    const { clock, taken, refusals } = createRig({ callsInAll: 10, bytesInAll: 5_000 });
    assert.equal(await taken(12, { principal: admin }), 10);
    clock.advance(1_000);
    assert.equal(await taken(3, { address: '192.0.2.1', bytes: 2_500 }), 2);
    assert.deepEqual(refusals.counts(), { calls_in_all: 2, bytes_in_all: 1 });
  });

  it('count only registrations of a registration key, by the hour', async () => {
    const { taken } = createRig({ callsPerPrincipal: 1, registrationsPerHour: 15 });
    assert.equal(await taken(20, { principal: registrar, method: 'device.register' }), 15);
    assert.equal(await taken(20, { principal: registrar, method: 'hub.health' }), 20);
    assert.equal(await taken(12, { principal: deviceKey('d1'), method: 'device.register' }), 10);
  });

  it('leave alone what a flow calls, and what nobody limits', async () => {
    const { taken } = createRig({ callsInAll: 1, callsPerPrincipal: 1 });
    assert.equal(await taken(50, { principal: admin, transport: 'flow' }), 50);
    assert.equal(await createRig({}).taken(50, { principal: admin }), 50);
  });

  it('say when to try again, and which limit it was', async () => {
    const { mayTake } = createRig({ callsPerPrincipal: 0.1 });
    const call = {
      method: 'hub.info',
      params: {},
      bytes: 10,
      context: { principal: admin, transport: 'http' as const },
    };
    await mayTake(call);
    await assert.rejects(mayTake(call), (error: { details: Record<string, unknown> }) => {
      const { limit, retry_after_ms } = error.details as { limit: string; retry_after_ms: number };
      return limit === 'calls_per_principal' && retry_after_ms > 0 && retry_after_ms <= 10_000;
    });
  });
});
