import type { ErrorObject as AjvError } from 'ajv/dist/2020.js';
import { nearest } from '../rpc/suggest.ts';

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
      return { field: join(at, String(params['missingProperty'])), problem: 'is missing' };
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownField(
        at,
        String(params['additionalProperty'] ?? params['unevaluatedProperty']),
        Object.keys((parent?.['properties'] as object | undefined) ?? {}),
      );
    case 'enum': {
      const allowed = params['allowedValues'] as unknown[];
      return withNearest(
        { field: at, problem: 'must be one of the allowed values' },
        error.data,
        allowed,
      );
    }
    case 'const':
      return {
        field: at,
        problem: 'must be the one allowed value',
        allowed: [params['allowedValue']],
      };
    case 'type':
      return { field: at, problem: `must be ${typeNames(params['type'])}` };
    case 'format': {
      const format = String(params['format']);
      const example = formatExamples[format];
      return { field: at, problem: `must be a ${format}${example ? ` such as ${example}` : ''}` };
    }
    case 'anyOf':
    case 'oneOf':
      return { field: at, problem: 'has none of the allowed shapes, or too many at once' };
    case 'false schema':
      return { field: at, problem: 'is not allowed here' };
    default:
      return { field: at, problem: error.message ?? `fails ${error.keyword}` };
  }
}

/** `field problem`, as one clause of a sentence; a problem of the whole document names `subject` instead. */
export function describeProblem(problem: ValidationProblem, subject: string): string {
  const hint = problem.nearest === undefined ? '' : `; did you mean ${problem.nearest}?`;
  return `${problem.field === '' ? subject : problem.field} ${problem.problem}${hint}`;
}

function unknownField(at: string, name: string, known: string[]): ValidationProblem {
  return withNearest({ field: join(at, name), problem: 'is not a known field' }, name, known);
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
