import assert from 'node:assert/strict';
import { openMemoryQuota } from '../../../nodes/adapters/limits/memory-quota.ts';
import type { AuditEntry } from '../../../nodes/core/security/audit.ts';
import { createConnectionLimits } from '../../../nodes/core/security/connection-limits.ts';
import { createRefusals } from '../../../nodes/core/security/refusals.ts';
import { admin, deviceKey, registrar, rpcError } from '../../support/domain.ts';

const createRig = (settings = {}) => {
  const told: AuditEntry[] = [];
  const refusals = createRefusals({ audit: { record: (entry) => void told.push(entry) } });
  const limits = createConnectionLimits({
    settings: {
      ...{ connectionsPerPrincipal: 0, connectionsPerAddress: 0 },
      ...{ connectsPerMinute: 0, takeoversPerMinute: 0, ...settings },
    },
    openQuota: openMemoryQuota,
    refusals,
    isExempt: (address) => address === '127.0.0.1',
  });
  const enter = (more: Partial<Parameters<typeof limits.enter>[0]> = {}) =>
    limits.enter({
      ...{ principal: admin, address: '192.0.2.1', clientId: 'c', takesOver: false },
      ...more,
    });
  return { told, refusals, limits, enter };
};

describe('limits of connections', () => {
  it('bound those of a principal, and let in again when one has ended', async () => {
    const { enter, refusals } = createRig({ connectionsPerPrincipal: 2 });
    await enter();
    const leave = await enter();
    await assert.rejects(enter(), rpcError(-32006, /2 connections with this key/));
    await enter({ principal: deviceKey('d1') });
    leave();
    leave();
    await enter();
    await assert.rejects(enter(), rpcError(-32006));
    assert.deepEqual(refusals.counts(), { connections_per_principal: 2 });
  });

  it('let a client take its own connection over at the limit', async () => {
    const { enter } = createRig({ connectionsPerPrincipal: 1 });
    const first = await enter();
    await enter({ takesOver: true });
    first();
    await assert.rejects(enter(), rpcError(-32006));
  });

  it('do not count those of a registration key, which all new devices share', async () => {
    const { enter } = createRig({ connectionsPerPrincipal: 1 });
    for (let i = 0; i < 20; i++) await enter({ principal: registrar });
  });

  it('bound those of an address, but for exempt ones', async () => {
    const { enter } = createRig({ connectionsPerAddress: 2 });
    for (const address of ['2001:db8::1', '2001:db8::2']) await enter({ address });
    await assert.rejects(enter({ address: '2001:db8::3' }), rpcError(-32006, /of this address/));
    for (let i = 0; i < 20; i++) await enter({ address: '127.0.0.1' });
  });

  it('bound new ones of an address in a minute', async () => {
    const { limits } = createRig({ connectsPerMinute: 3 });
    for (let i = 0; i < 3; i++) await limits.arrive('192.0.2.1');
    await assert.rejects(limits.arrive('192.0.2.1'), rpcError(-32006, /new connections/));
    await limits.arrive('192.0.2.2');
    for (let i = 0; i < 20; i++) await limits.arrive('127.0.0.1');
  });

  it('bound how often a client id is taken over, for each holder and id', async () => {
    const { enter, told } = createRig({ takeoversPerMinute: 3 });
    for (let i = 0; i < 3; i++) await enter({ takesOver: true });
    await assert.rejects(
      enter({ takesOver: true }),
      rpcError(-32006, /does another client use it/),
    );
    await enter({ takesOver: true, clientId: 'other' });
    await enter({ takesOver: true, principal: deviceKey('d1') });
    await enter();
    const [{ subject, principal, details } = assert.fail()] = told;
    assert.equal(subject, 'connect');
    assert.equal(principal, admin);
    assert.equal(details?.['limit'], 'takeovers');
    assert.ok(Number(details['retry_after_ms']) > 0);
  });

  it('bound the sockets of an address that have not said who they are', () => {
    const { limits } = createRig();
    const proved = Array.from({ length: 500 }, () => limits.opened('192.0.2.1', 'mqtt'));
    assert.equal(limits.opened('192.0.2.1', 'mqtt'), undefined);
    assert.ok(limits.opened('192.0.2.2', 'mqtt'));
    proved[0]?.();
    assert.ok(limits.opened('192.0.2.1', 'mqtt'));
    for (let i = 0; i < 600; i++) assert.ok(limits.opened('127.0.0.1', 'mqtt'));
  });
});
