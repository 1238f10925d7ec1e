import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { attestedText } from '../../nodes/core/device/attestation.ts';

/** A vendor that signs what its devices boot. */
export function createVendor(kind: 'ed25519' | 'es256', keyId: string) {
  const { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    /** The `attestation` of a device. @param now milliseconds since the epoch */
    attest(hardwareId: string, measurement: string, now: number, more: { nonce?: string } = {}) {
      const timestamp = new Date(now).toISOString();
      const { nonce = randomBytes(16).toString('base64url') } = more;
      const text = attestedText({ hardwareId, measurement, timestamp, nonce, keyId });
      const signature = sign(kind === 'ed25519' ? null : 'sha256', Buffer.from(text), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      });
      return {
        ...{ format: 'llm-iot-boot-v1', measurement, timestamp, nonce, key_id: keyId },
        signature: signature.toString('base64url'),
      };
    },
  };
}
