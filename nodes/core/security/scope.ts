import { isObject, jsonSize, type JsonObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { RpcError } from '../rpc/errors.ts';
import { isPlainPlace } from '../rpc/quoted.ts';
import { nearest } from '../rpc/suggest.ts';
import { compileKnownSchema } from '../schema/known-schemas.ts';
import { isCleanText } from '../text.ts';
import type { Scope } from './types.ts';

/** How much a scope may hold. */
export const scopeLimits = {
  bytes: 32 * 1_024,
  deviceIds: 1_000,
  deviceTypes: 100,
  labels: 32,
  /** Of methods, of commands, and of commands with an argument schema. */
  names: 100,
  callsPerMinute: 10_000,
};

/** Method or command names as they are declared. */
const name = /^[A-Za-z][\w.-]*$/;
const longestName = 128;
const window = /^(\d{1,9})([smhd])$/;
const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const longestWindow = 3_650 * 86_400_000;

const readers: {
  [Part in keyof Scope]-?: (value: unknown, field: string) => Required<Scope>[Part];
} = {
  device_ids: (value, field) => texts(value, field, scopeLimits.deviceIds, 128),
  device_types: (value, field) => texts(value, field, scopeLimits.deviceTypes, 64),
  labels: readLabels,
  methods: readPatterns,
  commands: readPatterns,
  arguments: readArguments,
  calls_per_minute: readRate,
  read_window(value, field) {
    readWindowMs(value, field);
    return value as string;
  },
};
const parts = Object.keys(readers) as (keyof Scope)[];

/**
 * A scope as somebody gives it when a key is made. What is not known, empty, too much or no use is refused, because a
 * part that was misread would let its holder do more than was meant.
 * @param field where it stands, for the error
 * @throws RpcError -32602 naming the field
 */
export function readScope(value: unknown, field = 'scope'): Scope {
  if (!isObject(value)) throw invalidParam(field, `${field} must be an object`);
  const unknown = Object.keys(value).find((part) => !parts.some((known) => known === part));
  if (unknown !== undefined) {
    const at = `${field}.${unknown.slice(0, 64)}`;
    const meant = nearest(unknown, parts);
    throw invalidParam(at, `${at} is no part of a scope; there are ${parts.join(', ')}`, {
      allowed: parts,
      ...(meant !== undefined && { nearest: meant }),
      ...(isPlainPlace(at) && {
        fix: meant === undefined ? { remove: [at] } : { rename: { [at]: `${field}.${meant}` } },
      }),
    });
  }
  const bytes = jsonSize(value);
  if (bytes > scopeLimits.bytes)
    throw invalidParam(
      field,
      `${field} has ${bytes} bytes; at most ${scopeLimits.bytes} are taken`,
      {
        max: scopeLimits.bytes,
      },
    );
  return Object.fromEntries(
    parts
      .filter((part) => value[part] !== undefined)
      .map((part) => [part, readers[part](value[part], `${field}.${part}`)]),
  );
}

/** Milliseconds of a `read_window`. @throws RpcError -32602 */
export function readWindowMs(value: unknown, field = 'read_window'): number {
  const [, amount, unit] = (typeof value === 'string' && window.exec(value)) || [];
  const width = Number(amount) * (units[unit ?? ''] ?? NaN);
  if (width > 0 && width <= longestWindow) return width;
  throw invalidParam(field, `${field} must be a whole number of s, m, h or d, such as 24h or 7d`, {
    allowed: '<number><s|m|h|d>, 1s to 3650d',
  });
}

function list(value: unknown, field: string, max: number): unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= max) return value;
  throw invalidParam(
    field,
    `${field} must be a list of 1 to ${max}; leave it out to narrow nothing`,
    {
      max,
    },
  );
}

function texts(value: unknown, field: string, max: number, longest: number): string[] {
  const all = list(value, field, max).map((text, index) => {
    if (typeof text === 'string' && text !== '' && isCleanText(text, longest)) return text;
    throw invalidParam(
      `${field}[${index}]`,
      `${field}[${index}] must be plain text of 1 to ${longest} characters`,
    );
  });
  return [...new Set(all)];
}

function readPatterns(value: unknown, field: string): string[] {
  const all = list(value, field, scopeLimits.names).map((pattern, index) => {
    const plain = typeof pattern === 'string' ? pattern.replace(/\.\*$/, '') : '';
    if (name.test(plain) && plain.length <= longestName) return pattern as string;
    throw invalidParam(
      `${field}[${index}]`,
      `${field}[${index}] must be a name, or the beginning of names with .* behind it, such as device.*`,
    );
  });
  return [...new Set(all)];
}

function members(value: unknown, field: string, max: number): [string, unknown][] {
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length > 0 && entries.length <= max) return entries;
  throw invalidParam(
    field,
    `${field} must be an object of 1 to ${max} members; leave it out to narrow nothing`,
    { max },
  );
}

function readLabels(value: unknown, field: string): Record<string, string> {
  return Object.fromEntries(
    members(value, field, scopeLimits.labels).map(([label, text]) => {
      const fits =
        label !== '' &&
        isCleanText(label, 64) &&
        typeof text === 'string' &&
        isCleanText(text, 256);
      if (fits) return [label, text];
      throw invalidParam(
        `${field}.${label.slice(0, 64)}`,
        `${field} must be plain texts by plain names, at most 256 and 64 characters long`,
      );
    }),
  );
}

function readArguments(value: unknown, field: string): Record<string, JsonObject> {
  return Object.fromEntries(
    members(value, field, scopeLimits.names).map(([command, schema]) => {
      const at = `${field}.${command.slice(0, longestName)}`;
      if (!name.test(command) || command.length > longestName)
        throw invalidParam(at, `${at} is no name of a command`);
      if (!isObject(schema)) throw invalidParam(at, `${at} must be a JSON Schema`);
      try {
        compileKnownSchema(schema);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        throw invalidParam(at, `${at}: ${error.reason}`, error.details);
      }
      return [command, schema];
    }),
  );
}

function readRate(value: unknown, field: string): number {
  const max = scopeLimits.callsPerMinute;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max)
    return value;
  throw invalidParam(field, `${field} must be an integer from 1 to ${max}`, { min: 1, max });
}
