import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnySchema, ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { JsonSchema } from '../rpc/types.ts';
import { checkSchemaLimits, unusable } from './schema-limits.ts';
import { toProblem } from './to-problem.ts';
import type { ValidationProblem } from './validation-problem.ts';

export type { ValidationProblem } from './validation-problem.ts';

/** Undefined if the value agrees with the schema, else what does not, at most ten problems. */
export type SchemaCheck = (value: unknown) => ValidationProblem[] | undefined;

const maxProblems = 10;
/** Values with more members than this get only their first problem told: collecting all costs memory for each. */
const maxMembersForAll = 2000;
const metaSchemaId = 'https://json-schema.org/draft/2020-12/schema';

/** Knows the meta-schema; compiling that costs milliseconds, so it happens once. */
const metaValidator = new Ajv2020({ strict: false, logger: false });

/**
 * Compiles a JSON Schema 2020-12 (with the formats `date-time`, `uuid`, `uri`, ...). The schema may come
 * from anybody: see `checkSchemaLimits` for what is refused. The schema must not be changed afterwards.
 * @throws RpcError -32602 with `schema_path` and `problem` if the schema cannot be used
 */
export function compileSchema(schema: JsonSchema): SchemaCheck {
  checkSchemaLimits(schema);
  const own = withoutIdentity(schema);
  if (!metaValidator.validate(metaSchemaId, own)) {
    const [error] = metaValidator.errors ?? [];
    throw unusable(`#${error?.instancePath ?? ''}`, error?.message ?? 'is not a JSON Schema');
  }
  const first = compile(own, false);
  let all: ValidateFunction | undefined;
  return (value) => {
    if (first(value)) return undefined;
    let failed = first;
    if (hasAtMost(value, maxMembersForAll)) {
      failed = all ??= compile(own, true);
      failed(value);
    }
    const problems = (failed.errors ?? []).slice(0, maxProblems).map(toProblem);
    first.errors = failed.errors = null;
    return problems;
  };
}

/** A name under which it would be known to others is of no use here, and `$schema` was checked. */
function withoutIdentity(schema: JsonSchema): JsonSchema {
  const own = { ...schema };
  const dialect = own['$schema'];
  if (dialect !== undefined && dialect !== metaSchemaId && dialect !== `${metaSchemaId}#`) {
    throw unusable('#/$schema', `must be ${metaSchemaId}`);
  }
  delete own['$id'];
  delete own['$schema'];
  return own;
}

/** An instance of its own for each schema: a shared one would keep every schema it ever saw. */
function compile(schema: AnySchema, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors,
    verbose: true,
    strict: false,
    meta: false,
    validateSchema: false,
    logger: false,
  });
  ajvFormats.default(ajv);
  try {
    return ajv.compile(schema);
  } catch (error) {
    throw unusable('#', error instanceof Error ? error.message : 'cannot be compiled');
  }
}

function hasAtMost(value: unknown, limit: number): boolean {
  const open: unknown[] = [value];
  let seen = 0;
  for (let item = open.pop(); seen <= limit; item = open.pop()) {
    seen += 1;
    if (typeof item === 'object' && item !== null) {
      const members: unknown[] = Object.values(item);
      if (seen + members.length > limit) return false;
      open.push(...members);
    }
    if (open.length === 0) return true;
  }
  return false;
}
