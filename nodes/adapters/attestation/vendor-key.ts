import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { VendorKey } from '../../core/device/attestation.ts';

/**
 * A public key as PEM (SubjectPublicKeyInfo): Ed25519, or P-256 for ES256 with signatures as in JWS (r and s, 64 bytes).
 * @throws Error for any other key
 */
export function readVendorKey(pem: string): VendorKey {
  if (/PRIVATE/.test(pem)) throw new Error('is a private key; give the public one');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new Error('is no public key in PEM');
  }
  const digest = digestOf(key);
  return {
    verify(bytes, signature) {
      try {
        return verify(
          digest,
          bytes,
          { key, dsaEncoding: 'ieee-p1363' },
          Buffer.from(signature, 'base64url'),
        );
      } catch {
        return false;
      }
    },
  };
}

function digestOf(key: KeyObject): string | null {
  if (key.asymmetricKeyType === 'ed25519') return null;
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
    return 'sha256';
  throw new Error('is neither an Ed25519 nor a P-256 key');
}
