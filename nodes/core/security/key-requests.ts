import type { JsonObject } from '../document.ts';
import { indexAfter, pagingOf, takePage } from '../paging.ts';
import {
  invalidParam,
  optionalNumber,
  optionalString,
  optionalWord,
  requiredString,
} from '../params.ts';
import { cleanText } from '../text.ts';
import { readScope } from './scope.ts';
import { roles, type KeyHolder, type KeyInfo } from './types.ts';

const limits = { usual: 100, max: 1_000 };
const longestName = 128;
const longestLifeS = 10 * 366 * 86_400;
/** Seconds for which a rotated key is let in beside the new one. */
const usualOverlapS = 3_600;
const longestOverlapS = 30 * 86_400;

/**
 * Params of `key.create`: `{ role, name?, device_id?, registration?, scope?, expires_in?, expires_at? }`.
 * @throws RpcError -32602 naming the field
 */
export function readKeyRequest(params: JsonObject, now: number): KeyHolder {
  const role = optionalWord(params, 'role', roles);
  if (role === undefined)
    throw invalidParam('role', `role is missing; it is one of ${roles.join(', ')}`, {
      allowed: roles,
    });
  const registration = readFlag(params, 'registration');
  const deviceId = optionalString(params, 'device_id');
  if (registration && role !== 'device')
    throw invalidParam('registration', 'a registration key has the role device');
  if (role === 'device' && !registration && deviceId === undefined)
    throw invalidParam('device_id', 'the key of a device needs the device_id it acts for');
  if (deviceId !== undefined && (role !== 'device' || registration))
    throw invalidParam('device_id', 'only the key of a device acts for a device; see scope', {
      fix: { remove: ['device_id'] },
    });
  const name = cleanText(optionalString(params, 'name'), longestName);
  const scope = params['scope'] ?? undefined;
  if (scope !== undefined && role === 'device')
    throw invalidParam('scope', 'a device acts for itself already; a scope is for other roles', {
      fix: { remove: ['scope'] },
    });
  return {
    role,
    ...(deviceId !== undefined && { device_id: deviceId }),
    ...(registration && { registration }),
    ...(name !== '' && { name }),
    ...(scope !== undefined && { scope: readScope(scope) }),
    ...readExpiry(params, now),
  };
}

function readExpiry(params: JsonObject, now: number): { expires_at?: string } {
  const seconds = optionalNumber(params, 'expires_in', {
    min: 1,
    max: longestLifeS,
    integer: true,
  });
  const at = optionalString(params, 'expires_at');
  if (at === undefined)
    return seconds === undefined
      ? {}
      : { expires_at: new Date(now + seconds * 1_000).toISOString() };
  if (seconds !== undefined)
    throw invalidParam('expires_at', 'give expires_in or expires_at, not both', {
      fix: { remove: ['expires_at'] },
    });
  const time = Date.parse(at);
  if (!/^\d{4}-\d\d-\d\dT/.test(at) || !(time > now && time <= now + longestLifeS * 1_000))
    throw invalidParam(
      'expires_at',
      'expires_at must be an ISO 8601 time within the next ten years',
    );
  return { expires_at: new Date(time).toISOString() };
}

/** @throws RpcError -32602 */
export function readFlag(params: JsonObject, field: string): boolean {
  const value = params[field] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalidParam(field, `${field} must be true or false`);
}

/** Params of `key.rotate`: `{ key_id?, overlap_seconds? }`. @throws RpcError -32602 */
export function readRotation(
  params: JsonObject,
  own: string | undefined,
): { keyId: string; overlapMs: number } {
  const bounds = { min: 0, max: longestOverlapS, integer: true };
  const seconds = optionalNumber(params, 'overlap_seconds', bounds) ?? usualOverlapS;
  const keyId = own !== undefined && params['key_id'] === undefined ? own : keyIdOf(params);
  return { keyId, overlapMs: seconds * 1_000 };
}

export const keyIdOf = (params: JsonObject): string => requiredString(params, 'key_id');

/**
 * `key.list`: `{ role?, device_id?, limit?, cursor? }`, the oldest first.
 * @throws RpcError -32602
 */
export function listKeys(
  keys: readonly KeyInfo[],
  params: JsonObject,
): { keys: KeyInfo[]; cursor?: string } {
  const { limit, after } = pagingOf(params, limits);
  const role = optionalWord(params, 'role', roles);
  const deviceId = optionalString(params, 'device_id');
  const keyOf = (key: KeyInfo) => ({ time: key.created_at, id: key.id });
  const page = takePage(keys, indexAfter(keys, keyOf, after), limit, keyOf, (key) => {
    if (role !== undefined && key.role !== role) return false;
    return deviceId === undefined || key.device_id === deviceId;
  });
  return { keys: page.items, ...(page.cursor !== undefined && { cursor: page.cursor }) };
}
