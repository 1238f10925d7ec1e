import assert from 'node:assert/strict';
import { readVendorKey } from '../../../nodes/adapters/attestation/vendor-key.ts';
import {
  attestedText,
  createAttest,
  type AttestationPolicy,
} from '../../../nodes/core/device/attestation.ts';
import { createVendor } from '../../support/attesting-device.ts';
import { createDomain, deviceKey, registrar, rpcError } from '../../support/domain.ts';

const good = 'a'.repeat(64);
const other = 'b'.repeat(64);
const onlyMeters = 'c'.repeat(64);
const vendor = createVendor('ed25519', 'vendor');
const second = createVendor('es256', 'second');
const stranger = createVendor('ed25519', 'vendor');

const policyWith = (more: Partial<AttestationPolicy> = {}): AttestationPolicy => ({
  keys: new Map([
    ['vendor', readVendorKey(vendor.publicKey)],
    ['second', readVendorKey(second.publicKey)],
  ]),
  measurements: new Map([
    [good, undefined],
    [onlyMeters, new Set(['meter'])],
  ]),
  requiredFor: new Set(['mcu']),
  ...more,
});

const create = (policy: AttestationPolicy | undefined = policyWith(), memory?: number) => {
  const domain = createDomain({
    attest: (clock) =>
      createAttest({ policy: () => policy, clock, ...(memory !== undefined && { memory }) }),
  });
  const register = (hardware_id: string | undefined, attestation: unknown, more: object = {}) =>
    domain.register({ hardware_id, attestation, ...more });
  const now = (): number => domain.clock.now();
  return { ...domain, register, now };
};
const refused = rpcError;

describe('attestation at registration', () => {
  it('signs lines of text: format, hardware id, measurement, time, nonce, key id', () => {
    const claim = { hardwareId: 'H', measurement: 'm', timestamp: 't', nonce: 'n', keyId: 'k' };
    assert.equal(attestedText(claim), 'llm-iot-boot-v1\nH\nm\nt\nn\nk');
  });

  it('is kept in the record when an Ed25519 or ES256 key vouches for a listed measurement', async () => {
    const { register, registry, now } = create();
    for (const [index, signer] of [vendor, second].entries()) {
      const { device_id } = await register(`h${index}`, signer.attest(`h${index}`, good, now()));
      assert.deepEqual(registry.get(device_id).attestation, {
        ...{ attested: true, measurement: good, key_id: ['vendor', 'second'][index] },
        attested_at: new Date(now()).toISOString(),
      });
    }
  });

  it('is refused with -32005 for a wrong key, a stranger, another device or anything changed', async () => {
    const { register, now, registry } = create();
    const claim = vendor.attest('h', good, now());
    const bad: [object, RegExp][] = [
      [stranger.attest('h', good, now()), /signature/],
      [{ ...claim, key_id: 'second' }, /signature/],
      [{ ...claim, key_id: 'nobody' }, /key_id names no key/],
      [{ ...claim, measurement: other }, /signature/],
      [{ ...claim, nonce: 'n'.repeat(22) }, /signature/],
      [{ ...claim, timestamp: new Date(now() + 1).toISOString() }, /signature/],
      [{ ...claim, signature: 'A'.repeat(86) }, /signature/],
      [vendor.attest('another', good, now()), /signature/],
      [vendor.attest('h', other, now()), /measurement is not that of a firmware/],
      [vendor.attest('h', onlyMeters, now()), /measurement/],
    ];
    for (const [attestation, reason] of bad)
      await assert.rejects(register('h', attestation), refused(-32005, reason));
    assert.equal(registry.counts().devices, 0);
    await register('meter', vendor.attest('meter', onlyMeters, now()), { device_type: 'meter' });
  });

  it('is refused when it is older or newer than five minutes', async () => {
    const { register, now } = create();
    for (const away of [-300_001, 300_001])
      await assert.rejects(
        register('h', vendor.attest('h', good, now() + away)),
        refused(-32005, /5 minutes/),
      );
    for (const away of [-299_999, 299_999])
      await register(`h${away}`, vendor.attest(`h${away}`, good, now() + away));
  });

  it('cannot be played again: not by another registration, not after a resume, not after a removal', async () => {
    const { register, registry, now, clock } = create();
    const claim = vendor.attest('h', good, now());
    const { device_id } = await register('h', claim);
    const resume = (attestation: unknown) =>
      registry.register(
        { device_type: 'mcu', static_schema: { model: 'X' }, hardware_id: 'h', attestation },
        deviceKey(device_id),
      );
    await assert.rejects(
      resume(claim),
      refused(-32005, /not after that of the attestation before/),
    );
    clock.advance(1_000);
    const next = vendor.attest('h', good, now());
    assert.equal((await resume(next)).resumed, true);
    await registry.remove(device_id);
    for (const old of [claim, next])
      await assert.rejects(register('h', old), refused(-32005, /nonce was used before/));
    clock.advance(300_000);
    await assert.rejects(register('h', next), refused(-32005, /nonce was used|5 minutes/));
  });

  it('is demanded of the types the policy names, new or resumed, and of no other', async () => {
    const { register, registry, now } = create();
    await assert.rejects(register('h', undefined), refused(-32005, /type mcu has to prove/));
    await register('m', undefined, { device_type: 'meter' });
    const { device_id } = await register('h', vendor.attest('h', good, now()));
    await assert.rejects(
      registry.register(
        { device_type: 'meter', static_schema: { model: 'X' }, hardware_id: 'h' },
        deviceKey(device_id),
      ),
      refused(-32005, /type mcu has to prove/),
      'the type it registered with counts',
    );
    const all = create(policyWith({ requiredFor: new Set(['*']) }));
    await assert.rejects(
      all.register('m', undefined, { device_type: 'meter' }),
      refused(-32005, /type meter/),
    );
  });

  it('is lost by a resume without one, where none is demanded', async () => {
    const { register, registry, now } = create(policyWith({ requiredFor: new Set() }));
    const { device_id } = await register('h', vendor.attest('h', good, now()));
    assert.equal(registry.get(device_id).attestation?.attested, true);
    await registry.register(
      { device_type: 'mcu', static_schema: { model: 'X' }, hardware_id: 'h' },
      deviceKey(device_id),
    );
    assert.equal(registry.get(device_id).attestation, undefined);
  });

  it('is not looked at while there is no policy', async () => {
    const domain = createDomain({
      attest: (clock) => createAttest({ policy: () => undefined, clock }),
    });
    const { device_id } = await domain.register({ hardware_id: 'h', attestation: { any: 1 } });
    assert.equal(domain.registry.get(device_id).attestation, undefined);
  });

  it('that cannot be read is -32602 with the place', async () => {
    const { register, now, registry } = create();
    const claim = vendor.attest('h', good, now());
    const bad: [unknown, RegExp][] = [
      ['text', /must be an object/],
      [{ ...claim, format: 'v2' }, /format must be llm-iot-boot-v1/],
      [{ ...claim, measurement: good.toUpperCase() }, /measurement/],
      [{ ...claim, measurement: good.slice(1) }, /measurement/],
      [{ ...claim, timestamp: '2026-01-01T00:00:00' }, /time zone/],
      [{ ...claim, timestamp: now() }, /timestamp/],
      [{ ...claim, nonce: 'short' }, /nonce/],
      [{ ...claim, nonce: 'n'.repeat(100_000) }, /nonce/],
      [{ ...claim, key_id: 'a\nb' }, /key_id/],
      [{ ...claim, signature: `${claim.signature}AA` }, /signature/],
    ];
    for (const [attestation, reason] of bad)
      await assert.rejects(register('h', attestation), refused(-32602, reason));
    await assert.rejects(register(undefined, claim), refused(-32602, /hardware_id/));
    assert.ok(registry.counts().devices === 0 && registrar.registration);
  });

  it('remembers only so many, and forgets them when they are too old to come again', async () => {
    const { register, now, clock } = create(policyWith(), 2);
    await register('h1', vendor.attest('h1', good, now()));
    await register('h2', vendor.attest('h2', good, now()));
    await assert.rejects(register('h3', vendor.attest('h3', good, now())), refused(-32006));
    clock.advance(600_001);
    await register('h3', vendor.attest('h3', good, now()));
  });
});
