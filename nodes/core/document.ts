import { cleanText } from './text.ts';
import { ErrorCode, RpcError } from './rpc/errors.ts';

const deepest = 32;
const longestKey = 128;

/** A parsed JSON object. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Size of a value as JSON text, in UTF-8 bytes. */
export function jsonSize(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/**
 * A copy of a JSON document from outside in which every string and key went through `cleanText`.
 * @throws RpcError -32004 for a document nested deeper than 32 levels
 */
export function cleanDocument<T>(value: T, maxString = 1_024): T {
  return clean(value, maxString, 0) as T;
}

function clean(value: unknown, maxString: number, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value, maxString);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepest)
    throw new RpcError(
      ErrorCode.SchemaValidationFailed,
      `documents may be nested ${deepest} levels deep at most`,
    );
  if (Array.isArray(value)) return value.map((item) => clean(item, maxString, depth + 1));
  const copy: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') continue;
    copy.push([cleanText(key, longestKey), clean(item, maxString, depth + 1)]);
  }
  return Object.fromEntries(copy);
}
