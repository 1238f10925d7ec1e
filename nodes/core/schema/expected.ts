import { isSmall } from '../rpc/fix.ts';

/** What a value may be, taken from its JSON Schema: enough to make one, without the schema's own words. */
export type Expected = Record<string, unknown>;

const told = [
  'type',
  'enum',
  'const',
  'default',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
] as const;

/** Undefined if the schema says nothing of use, or too much. */
export function expectedOf(schema: unknown): Expected | undefined {
  if (!isObject(schema)) return undefined;
  const expected: Expected = {};
  for (const keyword of told)
    if (schema[keyword] !== undefined) expected[keyword] = schema[keyword];
  const { items, required, properties } = schema;
  const inner = isObject(items) ? expectedOf(items) : undefined;
  if (inner) expected['items'] = inner;
  if (Array.isArray(required) && required.length > 0 && isObject(properties)) {
    expected['required'] = required;
    const members = required.flatMap((name: unknown) => {
      const member = expectedOf(properties[String(name)]);
      return member ? [[String(name), member] as const] : [];
    });
    if (members.length > 0) expected['properties'] = Object.fromEntries(members);
  }
  return Object.keys(expected).length > 0 && isSmall(expected) ? expected : undefined;
}

/** A value of the type a schema asks for that says the same as this one; undefined if there is none. */
export function nearestOfType(value: unknown, schema: Record<string, unknown>): unknown {
  const types = [schema['type']].flat();
  for (const type of types) {
    const converted = convert(value, type, schema);
    if (converted !== undefined) return converted;
  }
  return undefined;
}

function convert(value: unknown, type: unknown, schema: Record<string, unknown>): unknown {
  const single = Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : value;
  switch (type) {
    case 'number':
      return numberIn(single);
    case 'integer': {
      const number = typeof single === 'number' ? single : numberIn(single);
      return number === undefined ? undefined : Math.round(number);
    }
    case 'boolean':
      return typeof single === 'string' ? booleans.get(single.toLowerCase()) : undefined;
    case 'string':
      if (typeof single === 'number') return String(single);
      return single !== value && typeof single === 'string' ? single : undefined;
    case 'array': {
      const { type: wanted } = isObject(schema['items']) ? schema['items'] : {};
      const parsed = jsonIn(value);
      if (Array.isArray(parsed)) return parsed;
      return wanted === undefined || wanted === typeof value ? [value] : undefined;
    }
    case 'object': {
      const parsed = jsonIn(value);
      return isObject(parsed) ? parsed : undefined;
    }
    default:
      return undefined;
  }
}

const booleans = new Map([
  ['true', true],
  ['false', false],
  ['on', true],
  ['off', false],
  ['yes', true],
  ['no', false],
]);

/** The number a text is, a comma being taken for its point. */
function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,15}(?:[.,]\d{1,15})?\s*$/.test(value))
    return undefined;
  return Number(value.replace(',', '.'));
}

function jsonIn(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > 1_000 || !/^\s*[[{]/.test(value))
    return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
