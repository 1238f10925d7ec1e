import { join } from 'node:path';
import { watchPolicyFile } from '../adapters/attestation/policy-file.ts';
import type { Clock } from '../core/clock.ts';
import { createAttest, type Attest } from '../core/device/attestation.ts';
import { isObject } from '../core/document.ts';
import type { Log } from '../core/log.ts';
import { RpcError } from '../core/rpc/errors.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import { cleanText } from '../core/text.ts';

/**
 * Attestation by `attestation.json` in the data directory; every outcome goes on record.
 * @throws Error when that file cannot be used
 */
export function createHubAttestation(deps: {
  dataDir: string;
  clock: Clock;
  log: Log;
  audit: Pick<AuditTrail, 'record'>;
}): Attest {
  const { dataDir, clock, log, audit } = deps;
  const policy = watchPolicyFile(join(dataDir, 'attestation.json'), log);
  const attest = createAttest({ policy, clock });

  return (params, device) => {
    const given = isObject(params['attestation']) ? params['attestation'] : {};
    const entry = {
      action: 'policy',
      subject: 'device.attestation',
      policy: 'attestation',
      details: {
        hardware_id: cleanText(device.hardwareId, 128),
        device_type: cleanText(device.deviceType, 64),
        measurement: cleanText(given['measurement'], 64),
        key_id: cleanText(given['key_id'], 64),
      },
    } as const;
    try {
      const attestation = attest(params, device);
      if (attestation) audit.record({ ...entry, outcome: 'ok' });
      return attestation;
    } catch (error) {
      if (error instanceof RpcError)
        audit.record({ ...entry, outcome: 'refused', code: error.code, reason: error.reason });
      throw error;
    }
  };
}
