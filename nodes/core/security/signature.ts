import { isObject } from '../document.ts';
import type { Mac } from './ports.ts';

/** A signature by the Standard Webhooks scheme. */
export interface Signature {
  /** Names the message; used once. */
  id: string;
  /** Seconds since the Unix epoch. */
  timestamp: number;
  /** `v1,<base64>`, several of them with blanks between. */
  signature: string;
}

/** What is wrong with a signature. */
export type SignatureProblem = 'malformed' | 'stale' | 'wrong';

/** How far the clock of a signer may be off, and how long a signature is good (ms). */
export const signatureToleranceMs = 5 * 60_000;
const longestText = 1_024;
const mostSignatures = 10;
const prefix = 'whsec_';

/** A new secret: `whsec_` and 32 random bytes in base64. */
export function newSigningSecret(mac: Mac): string {
  return `${prefix}${mac.newKey()}`;
}

/** Whether a text is a secret: `whsec_` and 24 to 64 bytes in base64. */
export function isSigningSecret(text: unknown): text is string {
  if (typeof text !== 'string' || !text.startsWith(prefix)) return false;
  const key = text.slice(prefix.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key) || key.length % 4 !== 0) return false;
  const bytes = (key.length / 4) * 3 - (key.endsWith('==') ? 2 : key.endsWith('=') ? 1 : 0);
  return bytes >= 24 && bytes <= 64;
}

/** Signs `id.timestamp.body` with each secret. @param now milliseconds since the epoch */
export function sign(
  mac: Mac,
  secrets: readonly string[],
  message: { id: string; body: string; now: number },
): Signature {
  const { id, body, now } = message;
  const timestamp = Math.floor(now / 1_000);
  return { id, timestamp, signature: codesOf(mac, secrets, id, timestamp, body).join(' ') };
}

/**
 * Reads `{ id, timestamp, signature }`; undefined when it is none. An id has no dots, so that the signed text can be
 * taken apart in one way only.
 */
export function readSignature(value: unknown): Signature | undefined {
  if (!isObject(value)) return undefined;
  const { id, timestamp: at, signature } = value;
  const timestamp = typeof at === 'string' && /^\d{1,15}$/.test(at) ? Number(at) : at;
  const fits =
    typeof id === 'string' &&
    /^[\w-]{1,128}$/.test(id) &&
    typeof timestamp === 'number' &&
    Number.isSafeInteger(timestamp) &&
    timestamp >= 0 &&
    typeof signature === 'string' &&
    signature.length <= longestText;
  return fits ? { id, timestamp, signature } : undefined;
}

/** What is wrong with the signature of a body, if anything. @param now milliseconds since the epoch */
export function signatureProblem(
  mac: Mac,
  secrets: readonly string[],
  given: { signature: unknown; body: string; now: number },
): SignatureProblem | undefined {
  const read = readSignature(given.signature);
  if (!read) return 'malformed';
  const { id, timestamp, signature } = read;
  if (Math.abs(timestamp * 1_000 - given.now) > signatureToleranceMs) return 'stale';
  const expected = codesOf(mac, secrets, id, timestamp, given.body);
  const offered = signature.split(' ').slice(0, mostSignatures);
  // Every pair is compared: how long this takes says nothing about which secret came close.
  let right = false;
  for (const code of expected) for (const each of offered) right = mac.same(code, each) || right;
  return right ? undefined : 'wrong';
}

function codesOf(
  mac: Mac,
  secrets: readonly string[],
  id: string,
  timestamp: number,
  body: string,
): string[] {
  return secrets.map(
    (secret) => `v1,${mac.of(secret.slice(prefix.length), `${id}.${timestamp}.${body}`)}`,
  );
}
