import { isObject, jsonSize, type JsonObject } from '../document.ts';
import type {
  CommandDeclaration,
  CommandInverse,
  MeasurementDeclaration,
} from '../device/types.ts';
import { RpcError } from '../rpc/errors.ts';
import type { JsonSchema } from '../rpc/types.ts';
import { toArgumentsSchema } from './arguments.ts';
import { canonical } from './canonical.ts';
import { refusal, refuseIf } from './problems.ts';
import type { ValidationProblem } from './validation-problem.ts';
import { compileSchema } from './validator.ts';

const mostCommands = 64;
/** Texts of argument schemas known to be usable; fleets of equal devices send the same ones. */
const mostRemembered = 1_000;

/** A name as schemas use it in `measurement_type`. */
const measurementType: JsonSchema = {
  type: 'string',
  maxLength: 64,
  pattern: '^\\p{L}[\\p{L}\\p{N}_.:-]*$',
};

/** JSON Schema of a list of measurements; `value_type` is `number` where it is not given. */
export const measurementsSchema: JsonSchema = {
  type: 'array',
  maxItems: 128,
  items: {
    type: 'object',
    required: ['measurement_type'],
    properties: {
      measurement_type: measurementType,
      value_type: { enum: ['number', 'string', 'boolean'] },
      unit: { type: 'string', minLength: 1, maxLength: 32 },
      range: {
        type: 'object',
        properties: { min: { type: 'number' }, max: { type: 'number' } },
        additionalProperties: false,
      },
      accuracy: { type: ['string', 'number'], maxLength: 256 },
    },
  },
};

type DeclaredMeasurement = Pick<MeasurementDeclaration, 'measurement_type' | 'unit' | 'range'> & {
  value_type?: MeasurementDeclaration['value_type'];
  accuracy?: string | number;
};

const commandSchema: JsonSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', maxLength: 128, pattern: '^[A-Za-z][A-Za-z0-9_.-]*$' },
    description: { type: 'string', maxLength: 1_024 },
    arguments: { type: 'object' },
    read_only: { type: 'boolean' },
    destructive: { type: 'boolean' },
    critical: { type: 'boolean' },
    timeout_ms: { type: 'integer', minimum: 100, maximum: 300_000 },
    inverse: {
      type: 'object',
      required: ['command'],
      properties: {
        command: { type: 'string', maxLength: 128, minLength: 1 },
        arguments: { type: 'object' },
      },
      additionalProperties: false,
    },
  },
};
/** Bytes of the arguments of an inverse. */
const largestInverse = 4 * 1_024;

/**
 * Measurements that agree with `measurementsSchema`, with nothing but the known fields. Throws
 * RpcError -32004 where a type is there twice or a range makes no sense.
 */
export function readMeasurements(declared: unknown, subject: string): MeasurementDeclaration[] {
  const list = Array.isArray(declared) ? (declared as DeclaredMeasurement[]) : [];
  const measurements = list.map((each): MeasurementDeclaration => {
    const { measurement_type, value_type = 'number', unit, range, accuracy } = each;
    return {
      measurement_type,
      value_type,
      ...(unit !== undefined && { unit }),
      ...(range !== undefined && { range }),
      ...(accuracy !== undefined && { accuracy: String(accuracy) }),
    };
  });
  refuseIf(subject, measurementProblems(measurements));
  return measurements;
}

function measurementProblems(measurements: MeasurementDeclaration[]): ValidationProblem[] {
  const seen = new Set<string>();
  return measurements.flatMap(({ measurement_type, value_type, range }, index) => {
    const field = `measurements[${index}]`;
    const problems: ValidationProblem[] = [];
    if (seen.has(measurement_type)) {
      problems.push({ field: `${field}.measurement_type`, problem: 'is there twice' });
    }
    seen.add(measurement_type);
    if (range && value_type !== 'number') {
      problems.push({ field: `${field}.range`, problem: 'is only for numbers' });
    }
    if (range?.min !== undefined && range.max !== undefined && range.min > range.max) {
      problems.push({ field: `${field}.range`, problem: 'has a min above its max' });
    }
    return problems;
  });
}

/** Reads `commands`, remembering which argument schemas were compiled before. */
export type CommandReader = (declared: unknown, subject: string) => CommandDeclaration[];

/**
 * Reads commands written as a list with names or as an object by name; arguments may be shorthand.
 * The reader throws RpcError -32004 naming the command and field, also for argument schemas that
 * cannot be used.
 */
export function createCommandReader(): CommandReader {
  const check = compileSchema(commandSchema);
  const usable = new Set<string>();

  const readArguments = (declared: unknown, field: string, subject: string): JsonSchema => {
    const schema = toArgumentsSchema(declared, field);
    const text = canonical(schema);
    if (usable.has(text)) return schema;
    try {
      compileSchema(schema);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw refusal(subject, [{ field, problem: `cannot be used: ${error.reason}` }]);
    }
    if (usable.size >= mostRemembered) usable.clear();
    usable.add(text);
    return schema;
  };

  return (declared, subject) => {
    const entries = entriesOf(declared, subject);
    const seen = new Set<string>();
    return entries.map(([field, command]): CommandDeclaration => {
      const problems = check(command) ?? [];
      refuseIf(
        subject,
        problems.map((each) => ({
          ...each,
          field: each.field === '' ? field : `${field}.${each.field}`,
        })),
      );
      const { name, description, read_only, destructive, critical, timeout_ms, inverse } =
        command as unknown as CommandDeclaration;
      refuseIf(subject, inverseProblems(inverse, field, entries));
      if (seen.has(name)) throw refusal(subject, [{ field, problem: `is a second ${name}` }]);
      seen.add(name);
      return {
        name,
        ...(description !== undefined && { description }),
        ...('arguments' in command && {
          arguments: readArguments(command['arguments'], `${field}.arguments`, subject),
        }),
        ...(read_only !== undefined && { read_only }),
        ...(destructive !== undefined && { destructive }),
        ...(critical !== undefined && { critical }),
        ...(timeout_ms !== undefined && { timeout_ms }),
        ...(inverse !== undefined && { inverse }),
      };
    });
  };
}

function inverseProblems(
  inverse: CommandInverse | undefined,
  field: string,
  entries: readonly [field: string, command: JsonObject][],
): ValidationProblem[] {
  if (!inverse) return [];
  if (!entries.some(([, { name }]) => name === inverse.command))
    return [{ field: `${field}.inverse.command`, problem: 'is no command that is declared here' }];
  if (jsonSize(inverse.arguments ?? {}) > largestInverse)
    return [{ field: `${field}.inverse.arguments`, problem: `has over ${largestInverse} bytes` }];
  return [];
}

function entriesOf(declared: unknown, subject: string): [field: string, command: JsonObject][] {
  if (declared === undefined) return [];
  const entries: [string, unknown][] = Array.isArray(declared)
    ? declared.map((each: unknown, index) => [`commands[${index}]`, each])
    : isObject(declared)
      ? Object.entries(declared).map(([name, each]) => [
          `commands.${name}`,
          isObject(each) ? { ...each, name } : each,
        ])
      : [];
  if (entries.length > mostCommands) {
    const problem = `has more than ${mostCommands} commands`;
    throw refusal(subject, [{ field: 'commands', problem }]);
  }
  return entries.map(([field, command]) => {
    if (!isObject(command)) {
      throw refusal(subject, [{ field, problem: 'must be an object that describes a command' }]);
    }
    return [field, command];
  });
}
