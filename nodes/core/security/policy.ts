import { isObject, jsonSize } from '../document.ts';
import { invalidParam } from '../params.ts';
import type { JsonSchema } from '../rpc/types.ts';
import { compileSchema } from '../schema/validator.ts';
import { timeZone } from '../telemetry/time-zone.ts';

/** Which commands a rule is for; parts that are left out are for all. */
export interface PolicySelector {
  /** Ids of devices, with their sensors, or of sensors. */
  device_ids?: string[];
  device_types?: string[];
  /** A device must carry all of them. */
  labels?: Record<string, string>;
  /** Names of commands and of methods of devices, or `prefix.*`. */
  commands?: string[];
}

export const comparisons = ['<', '<=', '>', '>=', '==', '!='] as const;
export type Comparison = (typeof comparisons)[number];
export type Comparable = number | string | boolean;

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/** What has to be so elsewhere. */
export type Interlock =
  | {
      device_id: string;
      measurement_type: string;
      is: Comparison;
      value: Comparable;
      /** Seconds; an older reading counts for nothing. */
      max_age: number;
    }
  | {
      device_id: string;
      /** The newest command to that device, of this one and those in `undone_by`, that was carried out. */
      command: string;
      undone_by?: string[];
      argument?: string;
      is?: Comparison;
      value?: Comparable;
      /** Seconds. */
      max_age?: number;
    };

/** One safe limit: a name, which commands it is for, and exactly one of the six kinds. */
export interface PolicyRule {
  name: string;
  /** False switches it off; it stays in the list. */
  enabled?: boolean;
  for?: PolicySelector;
  /** Inclusive bounds of an argument; names with dots reach into objects. */
  range?: { argument: string; min?: number; max?: number };
  /** The most an argument may change within any minute. */
  rate?: { argument: string; per_minute: number };
  interlock?: Interlock;
  /** Local times `HH:MM`; `days` are those on which the hours begin, all of them unless told. */
  quiet_hours?: { from: string; to: string; time_zone: string; days?: Weekday[] };
  /** The call needs a signature. */
  critical?: true;
  deny?: true;
}

const largest = 64 * 1_024;
const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 128 };
const names: JsonSchema = { type: 'array', minItems: 1, maxItems: 1_000, items: name };
const comparable: JsonSchema = { type: ['number', 'string', 'boolean'], maxLength: 256 };
const seconds: JsonSchema = { type: 'number', exclusiveMinimum: 0, maximum: 31_536_000 };
const time: JsonSchema = { type: 'string', pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' };
const closed = (properties: Record<string, JsonSchema>, required: string[]): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

/** JSON Schema of a policy's list of rules. */
export const policySchema: JsonSchema = {
  type: 'array',
  maxItems: 100,
  items: closed(
    {
      name,
      enabled: { type: 'boolean' },
      for: closed(
        {
          device_ids: names,
          device_types: names,
          labels: {
            type: 'object',
            minProperties: 1,
            maxProperties: 32,
            additionalProperties: { type: 'string', maxLength: 256 },
          },
          commands: names,
        },
        [],
      ),
      range: closed({ argument: name, min: { type: 'number' }, max: { type: 'number' } }, [
        'argument',
      ]),
      rate: closed({ argument: name, per_minute: { type: 'number', minimum: 0 } }, [
        'argument',
        'per_minute',
      ]),
      interlock: closed(
        {
          device_id: name,
          measurement_type: name,
          command: name,
          undone_by: names,
          argument: name,
          is: { enum: [...comparisons] },
          value: comparable,
          max_age: seconds,
        },
        ['device_id'],
      ),
      quiet_hours: closed(
        {
          from: time,
          to: time,
          time_zone: name,
          days: { type: 'array', minItems: 1, maxItems: 7, items: { enum: [...weekdays] } },
        },
        ['from', 'to', 'time_zone'],
      ),
      critical: { const: true },
      deny: { const: true },
    },
    ['name'],
  ),
};

const kinds = ['range', 'rate', 'interlock', 'quiet_hours', 'critical', 'deny'] as const;
let check: ReturnType<typeof compileSchema> | undefined;

/**
 * The rules of a policy as somebody wrote them. What is not known or makes no sense is refused: a limit that was misread
 * would be none.
 * @throws RpcError -32602 naming the field
 */
export function readPolicy(value: unknown): PolicyRule[] {
  if (jsonSize(value ?? null) > largest)
    throw invalidParam('rules', `the rules of a policy may have ${largest} bytes at most`);
  check ??= compileSchema(policySchema);
  const problem = check(value)?.[0];
  if (problem) {
    const field = `rules${/^\[|^$/.test(problem.field) ? '' : '.'}${problem.field}`;
    throw invalidParam(field, `${field} ${problem.problem}`);
  }
  const rules = value as PolicyRule[];
  const seen = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const at = `rules[${index}]`;
    if (seen.has(rule.name)) throw invalidParam(`${at}.name`, `${at} is a second ${rule.name}`);
    seen.add(rule.name);
    if (kinds.filter((kind) => rule[kind] !== undefined).length !== 1)
      throw invalidParam(at, `${at} (${rule.name}) needs exactly one of ${kinds.join(', ')}`);
    checkKind(rule, at);
  }
  return rules;
}

function checkKind({ range, interlock, quiet_hours: quiet }: PolicyRule, at: string): void {
  if (range) {
    const { min = -Infinity, max = Infinity } = range;
    if ((range.min === undefined && range.max === undefined) || min > max)
      throw invalidParam(`${at}.range`, `${at}.range needs min or max, and min not above max`);
  }
  if (quiet) {
    timeZone(quiet.time_zone);
    if (quiet.from === quiet.to)
      throw invalidParam(`${at}.quiet_hours`, `${at}.quiet_hours begin and end at the same time`);
  }
  if (interlock) checkInterlock(interlock, `${at}.interlock`);
}

function checkInterlock(given: object, at: string): void {
  if (!isObject(given)) return;
  const has = (field: string): boolean => given[field] !== undefined;
  const forReading = ['measurement_type', 'is', 'value', 'max_age'];
  const forArgument = ['argument', 'is', 'value'];
  const reading = has('measurement_type');
  const fits = reading
    ? forReading.every(has) && !has('command') && !has('argument') && !has('undone_by')
    : has('command') && (forArgument.every(has) || !forArgument.some(has));
  if (!fits)
    throw invalidParam(
      at,
      `${at} needs either measurement_type, is, value and max_age, or command, with argument, is and value if it is about one`,
    );
  const orders = given['is'] !== '==' && given['is'] !== '!=';
  if (has('is') && orders && typeof given['value'] !== 'number')
    throw invalidParam(`${at}.value`, `${at}.value must be a number for ${String(given['is'])}`);
}
