import assert from 'node:assert/strict';
import type { ClientCertificate } from '../../../nodes/core/security/authentication.ts';
import type { BookEntry } from '../../../nodes/core/security/certificate-book.ts';
import {
  createCertificateHolder,
  createCertificateWay,
  isCurrentHolder,
  mayShare,
} from '../../../nodes/core/security/certificate-holder.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const fingerprint = 'ab'.repeat(32);
const day = 86_400_000;

describe('whom a certificate stands for', () => {
  const clock = createFakeClock();
  const now = clock.now();
  const certificate: ClientCertificate = {
    ...{ fingerprint, subject: 'mcu-1', serial: '40', isOwn: true },
    ...{ validFrom: now - day, validTo: now + day },
  };
  const entry: BookEntry = {
    ...{ kind: 'client', subject: 'mcu-1', serial: '40', fingerprint },
    ...{ valid_from: '2026-01-01T00:00:00Z', valid_to: '2027-01-01T00:00:00Z' },
  };
  const hasDevice = (id: string): boolean => ['mcu-1', 'mcu-2'].includes(id);
  const holder = (changes: Partial<ClientCertificate> = {}, bound?: Partial<BookEntry>) =>
    createCertificateHolder({
      bound: () => bound && { ...entry, ...bound },
      hasDevice,
      clock,
    })({ ...certificate, ...changes });

  it('is the device of its name, if the own authority issued it, until it expires', () => {
    const expected = {
      ...{ id: 'certificate:mcu-1', role: 'device', device_id: 'mcu-1', means: 'certificate' },
      expires_at: new Date(now + day).toISOString(),
    };
    assert.deepEqual(holder(), { principal: expected });
    assert.deepEqual(holder({ isOwn: false }), { refused: 'stands for nobody here' });
    assert.deepEqual(holder({ subject: 'mcu-9' }), { refused: 'stands for nobody here' });
    assert.deepEqual(holder({ subject: '' }), { refused: 'stands for nobody here' });
  });

  it('is whom it was bound to, whatever its name and authority', () => {
    const device = holder({ isOwn: false }, { device_id: 'mcu-2' });
    assert.equal('principal' in device && device.principal.device_id, 'mcu-2');
    const reader = holder({}, { role: 'llm_read', scope: { methods: ['hub.info'] } });
    assert.ok('principal' in reader);
    assert.equal(reader.principal.role, 'llm_read');
    assert.equal(reader.principal.device_id, undefined);
    assert.deepEqual(reader.principal.scope, { methods: ['hub.info'] });
    assert.deepEqual(holder({}, { device_id: 'gone' }), { refused: 'stands for nobody here' });
  });

  it('is nobody before and after its time, when it is revoked, and for the hub itself', () => {
    assert.deepEqual(holder({ validFrom: now + 1 }), { refused: 'not yet valid' });
    assert.deepEqual(holder({ validTo: now }), { refused: 'expired' });
    const revoked_at = '2026-02-01T00:00:00Z';
    assert.deepEqual(holder({}, { revoked_at, role: 'llm_admin' }), { refused: 'revoked' });
    assert.deepEqual(holder({}, { kind: 'server' }), { refused: 'not for clients' });
  });

  it('does not make a wrong key good', () => {
    const refused: string[] = [];
    const way = createCertificateWay(
      (shown) => holder(shown),
      (_shown, _address, reason) => refused.push(reason),
    );
    const caller = { transport: 'mqtt', address: '192.0.2.1' } as const;
    assert.equal(way({ secret: 'wrong', certificate }, caller), undefined);
    assert.equal(way({}, caller), undefined);
    assert.deepEqual(refused, []);
    assert.ok(way({ certificate }, caller));
    assert.equal(way({ certificate: { ...certificate, subject: 'x' } }, caller), undefined);
    assert.deepEqual(refused, ['stands for nobody here']);
  });

  it('shares its connection with keys of its own device and of people, not of another device', () => {
    const key = (device_id?: string) =>
      ({ id: 'k', role: 'device', ...(device_id && { device_id }) }) as const;
    assert.equal(mayShare(key('mcu-1'), holder()), true);
    assert.equal(mayShare(key('mcu-2'), holder()), false);
    assert.equal(mayShare({ id: 'admin', role: 'llm_admin' }, holder()), true);
    assert.equal(mayShare(key('mcu-2'), holder({ isOwn: false })), true);
  });

  it('keeps its sessions over a restart as long as it stands for somebody', () => {
    const deps = { entries: () => [{ ...entry, role: 'llm_admin' as const }], hasDevice };
    const first = holder();
    assert.ok('principal' in first);
    assert.equal(isCurrentHolder(first.principal, deps), true);
    assert.equal(isCurrentHolder(first.principal, { ...deps, hasDevice: () => false }), false);
    const admin = holder({}, { role: 'llm_admin' });
    assert.ok('principal' in admin);
    assert.equal(isCurrentHolder(admin.principal, deps), true);
    assert.equal(isCurrentHolder(admin.principal, { ...deps, entries: () => [entry] }), false);
    assert.equal(isCurrentHolder({ ...admin.principal, means: 'key' }, deps), false);
  });
});
