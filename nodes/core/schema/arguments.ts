import { isObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema } from '../rpc/types.ts';

const shorthandTypes = ['string', 'number', 'boolean', 'integer'] as const;
const maxArguments = 64;
const argumentName = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
/** Names every JavaScript object seems to have, so that "required" could not be checked. */
const inheritedNames = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * The JSON Schema of a command's arguments, from either way to write it (specification section
 * 8.1): a JSON Schema of an object, returned as it is with `type: 'object'`, or the shorthand
 * `{ zone: 'string', level: { type: 'integer', maximum: 9 } }`, of which every argument is required
 * and no other is allowed. `{}` means no arguments.
 *
 * The schema is not compiled here: `compileSchema` says whether it is usable.
 * Throws RpcError -32004 naming the field, with the allowed type names.
 * @param field where it stands, for the error
 */
export function toArgumentsSchema(declared: unknown, field = 'arguments'): JsonSchema {
  if (!isObject(declared)) {
    throw invalid(field, 'is neither a JSON Schema of an object nor { argument: type }');
  }
  if (isObjectSchema(declared)) return { ...declared, type: 'object' };
  const names = Object.keys(declared);
  if (names.length > maxArguments) throw invalid(field, `has more than ${maxArguments} arguments`);
  return {
    type: 'object',
    properties: Object.fromEntries(
      names.map((name) => [name, argumentSchema(name, declared[name], field)]),
    ),
    required: names,
    additionalProperties: false,
  };
}

/**
 * A schema tells itself from the shorthand by `type: 'object'`, which is no shorthand type, by
 * `$schema` or `$ref`, which are no argument names, or by `properties` that are all schemas.
 */
function isObjectSchema(declared: Record<string, unknown>): boolean {
  const { type, properties } = declared;
  if (type === 'object' || '$schema' in declared || '$ref' in declared) return true;
  return type === undefined && isObject(properties) && Object.values(properties).every(isSchema);
}

function argumentSchema(name: string, declared: unknown, field: string): unknown {
  const path = `${field}.${name}`;
  if (!argumentName.test(name) || inheritedNames.has(name)) {
    throw invalid(path, 'is no usable argument name (letters, digits, _ . -, at most 64)');
  }
  if (isObject(declared)) return declared;
  if (shorthandTypes.some((type) => type === declared)) return { type: declared };
  throw invalid(path, 'is neither a type name nor a JSON Schema', [...shorthandTypes]);
}

function invalid(field: string, problem: string, allowed?: unknown[]): RpcError {
  const details = { field, problem, ...(allowed && { allowed }) };
  return new RpcError(ErrorCode.SchemaValidationFailed, `${field} ${problem}`, {
    ...details,
    problems: [details],
  });
}

function isSchema(value: unknown): boolean {
  return isObject(value) || typeof value === 'boolean';
}
