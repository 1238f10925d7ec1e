import type { ErrorObject as AjvError } from 'ajv/dist/2020.js';
import { fixWithin, isSmall, mergeFixes, type Fix } from '../rpc/fix.ts';
import { nearest } from '../rpc/suggest.ts';
import { synonymOf } from '../rpc/synonyms.ts';
import { quoted } from '../rpc/quoted.ts';
import { expectedOf, nearestOfType, type Expected } from './expected.ts';

/** What is wrong with one place of a document, in the words of a protocol error's `data`. */
export interface ValidationProblem {
  /** Where, as `data.live_readings[0].value`; empty for the document as a whole. */
  field: string;
  /** What is wrong, to be read after the field: `must be a number`. */
  problem: string;
  /** The values or names that would do, where they can be listed. */
  allowed?: unknown[];
  /** The allowed name that was probably meant. */
  nearest?: string;
  /** The bounds of a number. */
  min?: number;
  max?: number;
  /** What would do, where it cannot be listed. */
  expected?: Expected;
  /** A change that makes this problem go away. */
  fix?: Fix;
}

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

/** One error of ajv (run with `verbose`) as a problem a caller can act on. */
export function toProblem(error: AjvError): ValidationProblem {
  const at = fieldOf(error.instancePath);
  const params = error.params as Record<string, unknown>;
  const parent = error.parentSchema as Record<string, unknown> | undefined;
  switch (error.keyword) {
    case 'required':
    case 'dependentRequired':
      return missingField(at, String(params['missingProperty']), parent, error.data);
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownField(
        at,
        String(params['additionalProperty'] ?? params['unevaluatedProperty']),
        Object.keys((parent?.['properties'] as object | undefined) ?? {}),
        error.data,
      );
    case 'enum': {
      const allowed = params['allowedValues'] as unknown[];
      const problem = withNearest(
        { field: at, problem: 'must be one of the allowed values' },
        error.data,
        allowed,
      );
      const { nearest: meant } = problem;
      return meant === undefined ? problem : withFix(problem, { set: { [at]: meant } });
    }
    case 'const':
      return withFix(
        { field: at, problem: 'must be the one allowed value', allowed: [params['allowedValue']] },
        { set: { [at]: params['allowedValue'] } },
      );
    case 'type': {
      const value = nearestOfType(error.data, parent ?? {});
      const expected = at === '' ? undefined : expectedOf(parent);
      return withFix(
        {
          field: at,
          problem: `must be ${typeNames(params['type'])}`,
          ...(expected && { expected }),
        },
        value === undefined ? undefined : { set: { [at]: value } },
      );
    }
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return outOfRange(at, error.message, parent ?? {}, error.keyword, params['limit'] as number);
    case 'maxItems':
      return withFix(
        { field: at, problem: error.message ?? 'has too many entries' },
        { split: { field: at, at_most: params['limit'] as number } },
      );
    case 'format': {
      const format = String(params['format']);
      const example = formatExamples[format];
      return {
        field: at,
        problem: `must be a ${format}${example ? ` such as ${example}` : ''}`,
        expected: { type: 'string', format, ...(example && { example }) },
      };
    }
    case 'anyOf':
    case 'oneOf':
      return { field: at, problem: 'has none of the allowed shapes, or too many at once' };
    case 'false schema':
      return withFix({ field: at, problem: 'is not allowed here' }, { remove: [at] });
    case 'minLength':
    case 'maxLength':
    case 'minItems': {
      const expected = at === '' ? undefined : expectedOf(parent);
      return {
        field: at,
        problem: error.message ?? `fails ${error.keyword}`,
        ...(expected && { expected }),
      };
    }
    default:
      return { field: at, problem: error.message ?? `fails ${error.keyword}` };
  }
}

/**
 * Problems as the details of an error: the first in its members, all as `problems` if there are more, and one change
 * for all of them.
 * @param within where in the params the document is that has the problems
 */
export function problemDetails(
  problems: readonly ValidationProblem[],
  within = '',
): Record<string, unknown> & { field?: string } {
  const all = problems.map(({ fix: _fix, field, ...problem }) => ({
    field: within === '' ? field : field === '' ? within : `${within}.${field}`,
    ...problem,
  }));
  const fix = mergeFixes(problems.map((problem) => fixWithin(within, problem.fix)));
  return { ...all[0], ...(all.length > 1 && { problems: all }), ...(fix && { fix }) };
}

/** `field problem`, as one clause of a sentence; a problem of the whole document names `subject` instead. */
export function describeProblem(problem: ValidationProblem, subject: string): string {
  const hint = problem.nearest === undefined ? '' : `; did you mean ${wordName(problem.nearest)}?`;
  return `${problem.field === '' ? subject : problem.field} ${problem.problem}${hint}`;
}

const word = /^[\w.-]{1,64}$/;

function wordName(name: string): string {
  return word.test(name) ? name : quoted(name);
}

/** A field that is missing may be there under another name. */
function missingField(
  at: string,
  name: string,
  parent: Record<string, unknown> | undefined,
  data: unknown,
): ValidationProblem {
  const properties = (parent?.['properties'] ?? {}) as Record<string, unknown>;
  const schema = properties[name] as Record<string, unknown> | undefined;
  const expected = expectedOf(schema);
  const problem = { field: join(at, name), problem: 'is missing', ...(expected && { expected }) };
  const others = Object.keys(data ?? {}).filter((key) => !Object.hasOwn(properties, key));
  const [misspelt] = others.filter(
    (key) => nearest(key, [name]) === name || synonymOf(key, [name]) === name,
  );
  if (misspelt !== undefined && word.test(misspelt) && others.length <= 50)
    return withFix(problem, { rename: { [join(at, misspelt)]: join(at, name) } });
  const { const: only, default: usual, enum: words } = schema ?? {};
  const value =
    only ?? usual ?? (Array.isArray(words) && words.length === 1 ? words[0] : undefined);
  return withFix(problem, value === undefined ? undefined : { set: { [join(at, name)]: value } });
}

function unknownField(at: string, name: string, known: string[], data: unknown): ValidationProblem {
  const field = join(at, name);
  const problem = withNearest({ field, problem: 'is not a known field' }, name, known);
  if (!word.test(name)) return problem;
  const meant = problem.nearest ?? synonymOf(name, known);
  const isFree = meant !== undefined && !Object.hasOwn((data ?? {}) as object, meant);
  return withFix(problem, isFree ? { rename: { [field]: join(at, meant) } } : { remove: [field] });
}

function outOfRange(
  field: string,
  message: string | undefined,
  schema: Record<string, unknown>,
  keyword: string,
  limit: number,
): ValidationProblem {
  const { minimum, maximum, type } = schema;
  const step = type === 'integer' ? 1 : 0;
  const isOpen = keyword.startsWith('exclusive');
  const value = isOpen ? limit + (keyword.endsWith('Minimum') ? step : -step) : limit;
  return withFix(
    {
      field,
      problem: message ?? `fails ${keyword}`,
      ...(typeof minimum === 'number' && { min: minimum }),
      ...(typeof maximum === 'number' && { max: maximum }),
    },
    isOpen && step === 0 ? undefined : { set: { [field]: value } },
  );
}

/** A value of the whole document is not put in by a change, nor is one that would make the error large. */
function withFix(problem: ValidationProblem, fix: Fix | undefined): ValidationProblem {
  return fix && problem.field !== '' && isSmall(fix) ? { ...problem, fix } : problem;
}

function withNearest(
  problem: ValidationProblem,
  given: unknown,
  allowed: unknown[],
): ValidationProblem {
  const names = allowed.filter((value) => typeof value === 'string');
  const meant = typeof given === 'string' ? nearest(given, names) : undefined;
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
  return (at === '' ? name : `${at}.${name}`).slice(0, maxFieldLength);
}
