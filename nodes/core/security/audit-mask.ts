import { isObject, jsonSize } from '../document.ts';
import type { AuditEntry } from './audit.ts';
import { mask } from './sensitive.ts';
import type { Principal } from './types.ts';

/** Most bytes of the details of one event, as JSON. */
export const mostDetailBytes = 2_048;
const longestText = 512;
const deepest = 6;
const mostItems = 50;
const more = '…';

/** Words that make the name of a field the name of a secret, wherever they stand in it. */
const secretWords = new Set(
  'password passwd passphrase passcode pwd secret token authorization credential psk key apikey bearer cookie otp'.split(
    ' ',
  ),
);

/** Whether a field of this name holds a secret: `wifi_password`, `apiKey`, `tokens`; but not `key_id`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z\d]+/);
  const last = words.at(-1) ?? '';
  if (last === 'id' || last === 'ids') return false;
  return words.some((word) => secretWords.has(word) || secretWords.has(word.replace(/s$/, '')));
}

/** What is a secret by its form alone: a key of a hub, an access token, what follows `Bearer`, a private key. */
const secretForms =
  /\b[a-z]{1,16}(?:_[a-z]{1,16})?_[\w-]{43}(?![\w-])|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w~+/.=-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** A text without what looks like a secret, cut where it is long. */
function plain(text: string, longest: number): string {
  // What begins before the cut and ends behind it would not look like a secret any more.
  const near = text.length > longest * 4 ? text.slice(0, longest * 4) : text;
  const clean = near.replaceAll(secretForms, mask);
  if (clean.length <= longest) return clean;
  // Half of a pair is no character.
  return clean.slice(0, longest).replace(/[\ud800-\udbff]$/, '') + more;
}

function shorten(value: unknown, room: { left: number }, depth: number): unknown {
  if (typeof value === 'string') {
    const text = plain(value, Math.max(0, Math.min(longestText, room.left)));
    room.left -= text.length + 3;
    return text;
  }
  if (typeof value !== 'object' || value === null) {
    room.left -= 8;
    return typeof value === 'bigint' ? String(value) : value;
  }
  if (depth >= deepest) return more;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      if (items.length >= mostItems || room.left <= 0) return [...items, more];
      items.push(shorten(item, room, depth + 1));
    }
    return items;
  }
  const fields: [string, unknown][] = [];
  for (const [name, item] of Object.entries(value)) {
    if (fields.length >= mostItems || room.left <= 0)
      return Object.fromEntries([...fields, [more, more]]);
    const shown = plain(name, 64);
    room.left -= shown.length + 4;
    const secret = isSecretName(name) && item !== null && typeof item !== 'boolean';
    fields.push([shown, secret ? mask : shorten(item, room, depth + 1)]);
  }
  return Object.fromEntries(fields);
}

/** Details without secrets and of at most `mostDetailBytes`; what was left out shows as `…`. */
export function maskDetails(details: Record<string, unknown>): Record<string, unknown> {
  for (let room = mostDetailBytes; room > 16; room /= 2) {
    const short = shorten(details, { left: room }, 0);
    if (isObject(short) && jsonSize(short) <= mostDetailBytes) return short;
  }
  return { [more]: more };
}

const shownPrincipal = ({
  id,
  role,
  name,
  means,
  device_id,
  registration,
}: Principal): Principal => ({
  id: plain(id, 128),
  role,
  ...(name !== undefined && { name: plain(name, 128) }),
  ...(means !== undefined && { means }),
  ...(device_id !== undefined && { device_id }),
  ...(registration !== undefined && { registration }),
});

/** What may be kept and shown of an entry: no secrets, nothing long, of a principal who it is and not its scope. */
export function maskEntry(entry: AuditEntry): AuditEntry {
  const { action, outcome, subject, principal, transport, address } = entry;
  const { device_id, duration_ms, code, reason, policy, details } = entry;
  return {
    action,
    outcome,
    subject: plain(subject, 256),
    ...(principal && { principal: shownPrincipal(principal) }),
    ...(transport !== undefined && { transport }),
    ...(address !== undefined && { address: plain(address, 64) }),
    ...(device_id !== undefined && { device_id: plain(device_id, 128) }),
    ...(duration_ms !== undefined && { duration_ms }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason: plain(reason, longestText) }),
    ...(policy !== undefined && { policy: plain(policy, 128) }),
    ...(details && { details: maskDetails(details) }),
  };
}
