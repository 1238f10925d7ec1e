import { ErrorCode, RpcError } from './errors.ts';
import { findDuplicateKey } from './json-duplicates.ts';

export interface JsonLimits {
  /** Most bytes (of text: characters). Default 1 MiB. */
  maxBytes?: number;
  /** Most arrays and objects inside each other. Default 32. */
  maxDepth?: number;
  /** Most keys in the whole document. Default: as many as fit in `maxBytes`. */
  maxKeys?: number;
  /** Most items of one array. Default 100,000. */
  maxItems?: number;
  /** Most characters of one string. Default 262,144. */
  maxString?: number;
}

const defaultMaxBytes = 1_048_576;
const defaultMaxDepth = 32;
const defaultMaxItems = 100_000;
const defaultMaxString = 262_144;

const quote = 34;
const backslash = 92;
const colon = 58;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses JSON from somebody who is not trusted, as I-JSON (RFC 7493): UTF-8 without errors, no key twice
 * in one object, numbers that fit a double, whole Unicode characters; and no `__proto__` as a key.
 * @throws RpcError -32700, whose reason says what is wrong and where possible at which key
 */
export function parseStrictJson(body: Uint8Array | string, limits: JsonLimits = {}): unknown {
  const maxBytes = limits.maxBytes ?? defaultMaxBytes;
  if (body.length > maxBytes) {
    throw refusal(`the message is longer than ${maxBytes} bytes`, { max_bytes: maxBytes });
  }
  const text = typeof body === 'string' ? body : decode(body);
  const value = parse(text);
  const keys = checkTree(value, {
    maxDepth: limits.maxDepth ?? defaultMaxDepth,
    maxKeys: limits.maxKeys ?? maxBytes,
    maxItems: limits.maxItems ?? defaultMaxItems,
    maxString: limits.maxString ?? defaultMaxString,
    // Only an escape can make half a surrogate pair in a text that was decoded from UTF-8.
    surrogates: typeof body === 'string' || text.includes('\\u'),
  });
  // JSON.parse keeps the last of two equal keys, so the tree then has fewer keys than the text.
  if (keys !== countKeys(text)) {
    const key = findDuplicateKey(text);
    throw refusal(`the key ${JSON.stringify(key)} stands twice in one object`, { field: key });
  }
  return value;
}

function refusal(reason: string, details?: Record<string, unknown>): RpcError {
  return new RpcError(ErrorCode.ParseError, reason, details);
}

function decode(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw refusal('the message is not valid UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const detail = error instanceof Error ? error.message : '';
    throw refusal(`the message is not JSON: ${detail.replace(/[\u0000-\u001f\u007f]/g, ' ')}`);
  }
}

/** Every key is followed by the only colons that stand outside of strings. */
function countKeys(text: string): number {
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === colon) keys += 1;
    else if (char === quote) {
      i += 1;
      for (let inside = text.charCodeAt(i); inside !== quote; inside = text.charCodeAt(i)) {
        i += inside === backslash ? 2 : 1;
      }
    }
  }
  return keys;
}

interface TreeLimits {
  maxDepth: number;
  maxKeys: number;
  maxItems: number;
  maxString: number;
  surrogates: boolean;
}

/** Counts the keys of a tree and refuses what must not be in it. */
function checkTree(root: unknown, limits: TreeLimits): number {
  let keys = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === 'number') {
      if (!Number.isFinite(value))
        throw refusal('the message has a number beyond the range of a double');
    } else if (typeof value === 'string') {
      if (value.length > limits.maxString) {
        throw refusal(`the message has a string longer than ${limits.maxString} characters`, {
          max_string: limits.maxString,
        });
      }
      if (limits.surrogates && !value.isWellFormed()) {
        throw refusal('the message has half a surrogate pair in a string');
      }
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= limits.maxDepth) {
        throw refusal(`the message is nested deeper than ${limits.maxDepth} levels`, {
          max_depth: limits.maxDepth,
        });
      }
      if (Array.isArray(value)) {
        if (value.length > limits.maxItems) {
          throw refusal(`the message has an array of more than ${limits.maxItems} items`, {
            max_items: limits.maxItems,
          });
        }
        for (const item of value) visit(item, depth + 1);
        return;
      }
      // JSON.parse makes plain objects: all that for-in sees is their own.
      for (const key in value) {
        keys += 1;
        if (key === '__proto__')
          throw refusal('the key "__proto__" is not allowed', { field: key });
        if (limits.surrogates && !key.isWellFormed()) {
          throw refusal('the message has half a surrogate pair in a key');
        }
        visit((value as Record<string, unknown>)[key], depth + 1);
      }
      if (keys > limits.maxKeys) {
        throw refusal(`the message has more than ${limits.maxKeys} keys`, {
          max_keys: limits.maxKeys,
        });
      }
    }
  };
  visit(root, 0);
  return keys;
}
