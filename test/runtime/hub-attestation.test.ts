import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEntry } from '../../nodes/core/security/audit.ts';
import { createHubAttestation } from '../../nodes/runtime/hub-attestation.ts';
import { createVendor } from '../support/attesting-device.ts';
import { createMemoryLog, rpcError } from '../support/domain.ts';
import { createFakeClock } from '../support/fake-clock.ts';

describe('attestation by a file in the data directory', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-attest-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it('puts on record who attested, who was refused and why', async () => {
    const vendor = createVendor('ed25519', 'vendor');
    const measurement = 'a'.repeat(64);
    const policy = {
      keys: [{ key_id: 'vendor', public_key: vendor.publicKey }],
      measurements: [{ measurement }],
      required_for: ['mcu'],
    };
    await writeFile(join(dataDir, 'attestation.json'), JSON.stringify(policy));
    const entries: AuditEntry[] = [];
    const clock = createFakeClock();
    const attest = createHubAttestation({
      ...{ dataDir, clock, log: createMemoryLog() },
      audit: { record: (entry) => entries.push(entry) },
    });
    const device = { hardwareId: 'h', deviceType: 'mcu' };
    const attestation = vendor.attest('h', measurement, clock.now());
    assert.equal(attest({ attestation }, device)?.attested, true);
    assert.throws(() => attest({ attestation }, device), rpcError(-32005));
    assert.throws(() => attest({}, device), rpcError(-32005));
    assert.equal(attest({}, { ...device, deviceType: 'meter' }), undefined);
    assert.deepEqual(
      entries.map(({ outcome, subject, code }) => [outcome, subject, code]),
      [
        ['ok', 'device.attestation', undefined],
        ['refused', 'device.attestation', -32005],
        ['refused', 'device.attestation', -32005],
      ],
    );
    assert.deepEqual(entries[0]?.details, {
      ...{ hardware_id: 'h', device_type: 'mcu', measurement, key_id: 'vendor' },
    });
    assert.match(entries[1]?.reason ?? '', /nonce was used before/);
  });
});
