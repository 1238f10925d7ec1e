import { isObject, type JsonObject } from './document.ts';
import { ErrorCode, RpcError } from './rpc/errors.ts';
import { isSmall } from './rpc/fix.ts';
import { nearest } from './rpc/suggest.ts';
import { valueSynonymOf } from './rpc/synonyms.ts';
import { nearestOfType } from './schema/expected.ts';

/** -32602 about one field of the params, with what would have been right. */
export function invalidParam(field: string, reason: string, details: JsonObject = {}): RpcError {
  return new RpcError(ErrorCode.InvalidParams, reason, { field, ...details });
}

/** A string param, or undefined if it is absent or null. @throws RpcError -32602 */
export function optionalString(params: JsonObject, field: string): string | undefined {
  const value = params[field] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalidParam(field, `${field} must be a string`, ofType(field, value, 'string'));
}

/** A string param that has to be there and not be empty. @throws RpcError -32602 */
export function requiredString(params: JsonObject, field: string): string {
  const value = optionalString(params, field);
  if (value === undefined || value.trim() === '')
    throw invalidParam(field, `${field} is missing; it must be a string that is not empty`, {
      expected: { type: 'string', minLength: 1 },
    });
  return value;
}

/** A number param within bounds, or undefined if it is absent or null. @throws RpcError -32602 */
export function optionalNumber(
  params: JsonObject,
  field: string,
  bounds: { min: number; max: number; integer?: boolean },
): number | undefined {
  const value = params[field] ?? undefined;
  if (value === undefined) return undefined;
  const { min, max, integer } = bounds;
  const fits =
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    !(integer && !Number.isInteger(value));
  if (fits) return value;
  const kind = integer ? 'an integer' : 'a number';
  const wanted = typeof value === 'number' ? value : nearestOfType(value, { type: 'number' });
  const fix =
    typeof wanted === 'number' && Number.isFinite(wanted)
      ? { set: { [field]: Math.min(max, Math.max(min, integer ? Math.round(wanted) : wanted)) } }
      : undefined;
  throw invalidParam(field, `${field} must be ${kind} from ${min} to ${max}`, {
    ...{ min, max },
    ...(fix && { fix }),
  });
}

/** True or false, or undefined if it is absent or null. @throws RpcError -32602 */
export function optionalBoolean(params: JsonObject, field: string): boolean | undefined {
  const value = params[field] ?? undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidParam(field, `${field} must be true or false`, ofType(field, value, 'boolean'));
}

/** An object param, or undefined if it is absent or null. @throws RpcError -32602 */
export function optionalObject(params: JsonObject, field: string): JsonObject | undefined {
  const value = params[field] ?? undefined;
  if (value === undefined || isObject(value)) return value;
  throw invalidParam(field, `${field} must be an object`, ofType(field, value, 'object'));
}

/** A string param that is one of a few words. @throws RpcError -32602 */
export function optionalWord<T extends string>(
  params: JsonObject,
  field: string,
  allowed: readonly T[],
): T | undefined {
  const value = params[field] ?? undefined;
  if (value === undefined) return undefined;
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  throw invalidParam(field, `${field} must be one of ${allowed.join(', ')}`, {
    ...oneOf(field, value, allowed),
  });
}

/** The details of an error about a word that is none of those that are allowed: which, the nearest, and the change. */
export function oneOf(
  field: string,
  value: unknown,
  allowed: readonly string[],
): { allowed: readonly string[]; nearest?: string; fix?: { set: JsonObject } } {
  const meant =
    typeof value === 'string'
      ? (valueSynonymOf(value, allowed) ?? nearest(value, allowed))
      : undefined;
  return {
    allowed,
    ...(meant !== undefined && { nearest: meant, fix: { set: { [field]: meant } } }),
  };
}

function ofType(field: string, value: unknown, type: string): JsonObject {
  const converted = nearestOfType(value, { type });
  return {
    expected: { type },
    ...(converted !== undefined && isSmall(converted) && { fix: { set: { [field]: converted } } }),
  };
}
