import type { ErrorObject as AjvError } from 'ajv/dist/2020.js';
import { isSmall, type Fix } from '../rpc/fix.ts';
import { isPlainPlace, isPlainWord, quoted } from '../rpc/quoted.ts';
import { nearest } from '../rpc/suggest.ts';
import { synonymOf, valueSynonymOf } from '../rpc/synonyms.ts';
import { cleanText } from '../text.ts';
import { expectedOf, nearestOfType } from './expected.ts';
import type { ValidationProblem } from './validation-problem.ts';

const maxFieldLength = 200;
const maxAllowed = 50;

const formatExamples: Record<string, string> = {
  'date-time': '2025-09-30T10:30:00Z',
  date: '2025-09-30',
  time: '10:30:00Z',
  duration: 'PT15M',
  uuid: '550e8400-e29b-41d4-a716-446655440000',
  uri: 'https://example.org/x',
  email: 'name@example.org',
  ipv4: '192.0.2.1',
};

const plainName = /^[\w-]{1,64}$/;
/** More fields than that are not searched for one that is misspelt. */
const maxSearched = 50;

/** What ajv says of one error, the parts a problem is made of. */
interface Failure {
  at: string;
  keyword: string;
  /** ajv's own words. */
  message: string;
  params: Record<string, unknown>;
  /** The schema the keyword is in. */
  schema: Record<string, unknown>;
  data: unknown;
}

/** One error of ajv (run with `verbose`) as a problem a caller can act on. */
export function toProblem(error: AjvError): ValidationProblem {
  const { keyword } = error;
  const failure: Failure = {
    at: fieldOf(error.instancePath),
    keyword,
    message: error.message ?? `fails ${keyword}`,
    params: error.params as Record<string, unknown>,
    schema: error.parentSchema ?? {},
    data: error.data,
  };
  const make = Object.hasOwn(makers, keyword) ? makers[keyword] : undefined;
  return make?.(failure) ?? { field: failure.at, problem: failure.message };
}

const makers: Record<string, (failure: Failure) => ValidationProblem> = {
  required: missingField,
  dependentRequired: missingField,
  additionalProperties: unknownField,
  unevaluatedProperties: unknownField,
  minimum: outOfRange,
  maximum: outOfRange,
  exclusiveMinimum: outOfRange,
  exclusiveMaximum: outOfRange,
  minLength: withExpected,
  maxLength: withExpected,
  minItems: withExpected,
  enum({ at, params, data }) {
    const allowed = params['allowedValues'] as unknown[];
    const found = { field: at, problem: 'must be one of the allowed values' };
    const problem = withNearest(found, data, allowed);
    const { nearest: meant } = problem;
    const isWord = meant !== undefined && isPlainWord(meant);
    return isWord ? withFix(problem, { set: { [at]: meant } }) : problem;
  },
  const({ at, params }) {
    const { allowedValue } = params;
    const isWord = typeof allowedValue !== 'string' || isPlainWord(allowedValue);
    return withFix(
      { field: at, problem: 'must be the one allowed value', allowed: [allowedValue] },
      isWord && typeof allowedValue !== 'object' ? { set: { [at]: allowedValue } } : undefined,
    );
  },
  type(failure) {
    const { at, params, schema, data } = failure;
    // What is secret is in no error, not even for who sent it.
    const value = schema['x-sensitive'] === true ? undefined : nearestOfType(data, schema);
    const problem = withExpected({ ...failure, message: `must be ${typeNames(params['type'])}` });
    return withFix(problem, value === undefined ? undefined : { set: { [at]: value } });
  },
  pattern: ({ at, params }) => ({
    field: at,
    problem: `must match the pattern ${quoted(params['pattern'], 100)}`,
  }),
  maxItems: ({ at, params, message }) =>
    withFix(
      { field: at, problem: message },
      { split: { field: at, at_most: params['limit'] as number } },
    ),
  format({ at, params }) {
    const format = String(params['format']);
    const example = formatExamples[format];
    return {
      field: at,
      problem: `must be a ${format}${example ? ` such as ${example}` : ''}`,
      expected: { type: 'string', format, ...(example && { example }) },
    };
  },
  anyOf: noShape,
  oneOf: noShape,
  'false schema': ({ at }) =>
    withFix({ field: at, problem: 'is not allowed here' }, { remove: [at] }),
};

function noShape({ at }: Failure): ValidationProblem {
  return { field: at, problem: 'has none of the allowed shapes, or too many at once' };
}

function withExpected({ at, message, schema }: Failure): ValidationProblem {
  const expected = at === '' ? undefined : expectedOf(schema);
  return { field: at, problem: message, ...(expected && { expected }) };
}

/** A field that is missing may be there under another name. */
function missingField({ at, params, schema, data }: Failure): ValidationProblem {
  const name = String(params['missingProperty']);
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
  const wanted = Object.hasOwn(properties, name) ? properties[name] : undefined;
  const expected = expectedOf(wanted);
  const problem = { field: join(at, name), problem: 'is missing', ...(expected && { expected }) };
  const given = Object.keys(data ?? {});
  const misspelt = (given.length > maxSearched ? [] : given).find(
    (key) =>
      !Object.hasOwn(properties, key) &&
      (nearest(key, [name]) === name || synonymOf(key, [name]) === name),
  );
  if (misspelt !== undefined && plainName.test(misspelt))
    return withFix(problem, { rename: { [join(at, misspelt)]: join(at, name) } });
  const { const: only, default: usual, enum: words } = wanted ?? {};
  const single: unknown = Array.isArray(words) && words.length === 1 ? words[0] : undefined;
  const known = only ?? usual ?? single;
  const isWord = typeof known === 'string' ? isPlainWord(known) : typeof known !== 'object';
  const value = isWord ? known : undefined;
  return withFix(problem, value === undefined ? undefined : { set: { [join(at, name)]: value } });
}

function unknownField({ at, params, schema, data }: Failure): ValidationProblem {
  const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
  const known = Object.keys((schema['properties'] as object | undefined) ?? {});
  const field = join(at, name);
  const problem = withNearest({ field, problem: 'is not a known field' }, name, known);
  if (!plainName.test(name)) return problem;
  const meant = problem.nearest ?? synonymOf(name, known);
  const isFree = meant !== undefined && !Object.hasOwn(data ?? {}, meant);
  return withFix(problem, isFree ? { rename: { [field]: join(at, meant) } } : { remove: [field] });
}

function outOfRange({ at, keyword, message, params, schema }: Failure): ValidationProblem {
  const { minimum, maximum, type } = schema;
  const limit = params['limit'] as number;
  const step = type === 'integer' ? 1 : 0;
  const isOpen = keyword.startsWith('exclusive');
  const value = isOpen ? limit + (keyword.endsWith('Minimum') ? step : -step) : limit;
  return withFix(
    {
      field: at,
      problem: message,
      ...(typeof minimum === 'number' && { min: minimum }),
      ...(typeof maximum === 'number' && { max: maximum }),
    },
    isOpen && step === 0 ? undefined : { set: { [at]: value } },
  );
}

/** No change of the whole document, none at a place that cannot be written plainly, and none that makes an error large. */
function withFix(problem: ValidationProblem, fix: Fix | undefined): ValidationProblem {
  return fix && isPlainPlace(problem.field) && isSmall(fix) ? { ...problem, fix } : problem;
}

function withNearest(
  problem: ValidationProblem,
  given: unknown,
  allowed: unknown[],
): ValidationProblem {
  const names = allowed.filter((value) => typeof value === 'string');
  const meant =
    typeof given === 'string' ? (valueSynonymOf(given, names) ?? nearest(given, names)) : undefined;
  return {
    ...problem,
    allowed: allowed.slice(0, maxAllowed),
    ...(meant === undefined ? {} : { nearest: meant }),
  };
}

function typeNames(types: unknown): string {
  const list = (Array.isArray(types) ? types : [types]).map(String);
  return list
    .map((type) => (/^[aio]/.test(type) ? `an ${type}` : type === 'null' ? type : `a ${type}`))
    .join(' or ');
}

function fieldOf(pointer: string): string {
  let field = '';
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    field = /^\d+$/.test(name) ? `${field}[${name}]` : join(field, name);
  }
  return field.slice(0, maxFieldLength);
}

function join(at: string, name: string): string {
  return cleanText(at === '' ? name : `${at}.${name}`, maxFieldLength);
}
