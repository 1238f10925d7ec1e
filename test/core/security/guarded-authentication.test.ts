import assert from 'node:assert/strict';
import type { AuditEntry } from '../../../nodes/core/security/audit.ts';
import type { Authenticate } from '../../../nodes/core/security/authentication.ts';
import { guardAuthentication } from '../../../nodes/core/security/guarded-authentication.ts';
import { createGuessGuard } from '../../../nodes/core/security/guesses.ts';
import { createRefusals } from '../../../nodes/core/security/refusals.ts';
import { rpcError } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const createRig = () => {
  const told: AuditEntry[] = [];
  const audit = { record: (entry: AuditEntry) => void told.push(entry) };
  const refusals = createRefusals({ audit });
  let looked = 0;
  const known: Authenticate = ({ secret }) => {
    looked += 1;
    return Promise.resolve(
      secret === 'right' ? { id: 'key-d1', role: 'device', device_id: 'd1' } : undefined,
    );
  };
  const authenticate = guardAuthentication(known, {
    guesses: createGuessGuard({ clock: createFakeClock() }),
    refusals,
    audit,
    isExempt: (address) => address === '127.0.0.1',
  });
  const from = (address: string, secret?: string, username?: string) =>
    authenticate(
      { ...(secret !== undefined && { secret }), ...(username !== undefined && { username }) },
      { transport: 'mqtt', address },
    );
  const guess = async (address: string, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await from(address, `wrong-${i}`, 'd1').catch(() => undefined);
  };
  return { told, refusals, from, guess, looked: () => looked };
};

describe('authentication that is guarded', () => {
  it('refuses a banned address with the time to wait, and looks at nothing more', async () => {
    const { from, guess, looked, refusals } = createRig();
    await guess('192.0.2.1', 40);
    const before = looked();
    await assert.rejects(from('192.0.2.1', 'right', 'd1'), (error: Error & { details: object }) => {
      assert.deepEqual(error.details, { limit: 'banned', retry_after_ms: 900_000 });
      return rpcError(-32006, /shut out/)(error);
    });
    assert.equal(looked(), before);
    assert.ok(refusals.counts().banned! > 0);
  });

  it('lets the right key in from another address while one guesses for the same name', async () => {
    const { from, guess } = createRig();
    await guess('192.0.2.1', 500);
    assert.equal((await from('192.0.2.2', 'right', 'd1'))?.device_id, 'd1');
  });

  it('bans the whole /64 of IPv6', async () => {
    const { from, guess } = createRig();
    await guess('2001:db8::1', 40);
    await assert.rejects(from('2001:db8::ffff:1', 'right', 'd1'), rpcError(-32006));
    assert.ok(await from('2001:db8:0:1::1', 'right', 'd1'));
  });

  it('never holds up an exempt address', async () => {
    const { from, guess } = createRig();
    await guess('127.0.0.1', 500);
    assert.ok(await from('127.0.0.1', 'right', 'd1'));
  });

  it('takes the right key for another name as a wrong one', async () => {
    const { from, told } = createRig();
    assert.equal(await from('192.0.2.1', 'right', 'd2'), undefined);
    assert.equal(told.at(-1)?.outcome, 'failed');
  });

  it('does not count those who show nothing', async () => {
    const { from, told } = createRig();
    for (let i = 0; i < 100; i++) assert.equal(await from('192.0.2.1'), undefined);
    assert.ok(await from('192.0.2.1', 'right', 'd1'));
    assert.deepEqual(told, []);
  });

  it('tells the audit trail of failures and refusals, never of what was shown', async () => {
    const { guess, told } = createRig();
    await guess('192.0.2.1', 40);
    assert.deepEqual([...new Set(told.map(({ outcome }) => outcome))], ['failed', 'refused']);
    assert.ok(told.every(({ action }) => action === 'authentication'));
    assert.ok(told.every(({ address }) => address === '192.0.2.1'));
    assert.doesNotMatch(JSON.stringify(told), /wrong-\d/);
    assert.match(JSON.stringify(told), /wait 1000 ms.*"limit":"banned"/);
  });
});
