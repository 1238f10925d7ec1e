import type { Mac } from '../security/ports.ts';
import { sign, type Signature } from '../security/signature.ts';

/** What a command message has besides its own fields when the hub signs it. */
export interface SignedMessage {
  /** JSON in ASCII of `{ device_id, id, method, params }`: the very text that is signed. */
  body: string;
  signature: Signature;
}

/**
 * Signs a command for a device. The body is ASCII, so that its bytes are the same for everybody, and says which device or
 * sensor it is for, so that it is good for no other.
 * @param now milliseconds since the epoch
 */
export function signMessage(
  mac: Mac,
  secrets: readonly string[],
  message: { targetId: string; id: string; method: string; params: Record<string, unknown> },
  now: number,
): SignedMessage {
  const { targetId, id, method, params } = message;
  const body = ascii(JSON.stringify({ device_id: targetId, id, method, params }));
  return { body, signature: sign(mac, secrets, { id, body, now }) };
}

/** JSON text without characters beyond ASCII. */
function ascii(json: string): string {
  return json.replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
