import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { isSealed, sealedWith } from '../../core/security/sealed.ts';
import type { SecretBox } from '../../core/security/ports.ts';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** A box that can also be told to seal anew. */
export interface AesSecretBox extends SecretBox {
  /** Id of the key that seals. */
  readonly keyId: string;
  /** Whether it has the key with this id. */
  has(keyId: string): boolean;
  /** The same under the key that seals now, for the same purpose; unchanged when it is already. @throws Error as `open` */
  reseal(sealed: string): string;
  /** Whether it is whole and was sealed with a key of this box, whatever for. */
  opens(sealed: string): boolean;
}

/** Names a key without telling anything of it: 16 hexadecimal digits. */
export const keyIdOf = (key: Buffer): string =>
  createHash('sha256').update('llm-iot key id').update(key).digest('hex').slice(0, 16);

/**
 * AES-256-GCM with a random nonce of 96 bits. The base64url part is nonce, tag, length of the purpose (one byte), purpose,
 * ciphertext; version, key id and purpose are authenticated with it.
 * @param keys of 32 bytes each: the first seals, all of them open
 */
export function createAesSecretBox(keys: readonly Buffer[]): AesSecretBox {
  const [first] = keys;
  if (!first) throw new Error('a secret box needs a key');
  const byId = new Map(keys.map((key) => [keyIdOf(key), sealingKey(key)]));
  const keyId = keyIdOf(first);
  const prefix = `sealed:v1:${keyId}:`;

  const seal = (text: string, purpose: string): string => {
    const label = Buffer.from(purpose);
    if (label.length > 255) throw new Error('the purpose of a secret is longer than 255 bytes');
    const nonce = randomBytes(nonceBytes);
    const sealing = createCipheriv(cipher, byId.get(keyId) as Buffer, nonce);
    sealing.setAAD(Buffer.concat([Buffer.from(prefix), label]));
    const body = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
    const parts = [nonce, sealing.getAuthTag(), Buffer.from([label.length]), label, body];
    return prefix + Buffer.concat(parts).toString('base64url');
  };

  const unseal = (sealed: string): { text: string; purpose: string } => {
    if (!isSealed(sealed)) throw new Error('this is no sealed secret');
    const id = sealedWith(sealed);
    const key = byId.get(id);
    if (!key)
      throw new Error(`the secret is sealed with the key ${id}, which this hub does not have`);
    const head = sealed.slice(0, sealed.lastIndexOf(':') + 1);
    const bytes = Buffer.from(sealed.slice(head.length), 'base64url');
    const labelAt = nonceBytes + tagBytes + 1;
    const bodyAt = labelAt + (bytes[labelAt - 1] ?? 0);
    const label = bytes.subarray(labelAt, bodyAt);
    const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    opening.setAAD(Buffer.concat([Buffer.from(head), label]));
    opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    try {
      const text = Buffer.concat([opening.update(bytes.subarray(bodyAt)), opening.final()]);
      return { text: text.toString('utf8'), purpose: label.toString('utf8') };
    } catch {
      throw new Error('the sealed secret was changed');
    }
  };

  return {
    keyId,
    has: (id) => byId.has(id),
    seal,
    open(sealed, purpose) {
      const opened = unseal(sealed);
      if (opened.purpose !== purpose)
        throw new Error(`the secret is sealed for another purpose than ${purpose}`);
      return opened.text;
    },
    reseal(sealed) {
      const { text, purpose } = unseal(sealed);
      return sealedWith(sealed) === keyId ? sealed : seal(text, purpose);
    },
    opens(sealed) {
      try {
        unseal(sealed);
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** The given key is never used as it is, so that it may serve for something else too. */
const sealingKey = (key: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'llm-iot sealed v1', 32));
