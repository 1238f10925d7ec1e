import { isObject } from '../document.ts';
import type { JsonSchema } from '../rpc/types.ts';

/** Keywords whose members are names, each with a schema. */
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
/** Keywords whose value is data, which may look like a schema. */
const data = new Set(['const', 'enum', 'default', 'examples', 'required', 'dependentRequired']);
/** Keywords that mean nothing once there are no references, or must not be told again elsewhere. */
const ofReferences = new Set([
  ...['$schema', '$id', '$anchor', '$dynamicAnchor', '$vocabulary'],
  ...['$ref', '$dynamicRef', '$defs', 'definitions', '$comment'],
]);
/** What language models' APIs refuse or do not understand, at any depth. */
const beyondTools = new Set([
  ...['if', 'then', 'else', 'not', 'dependentSchemas', 'dependentRequired', 'patternProperties'],
  ...['propertyNames', 'unevaluatedProperties', 'unevaluatedItems', 'contains', 'prefixItems'],
  ...['minContains', 'maxContains', 'contentEncoding', 'contentMediaType', 'contentSchema'],
  ...['examples', 'readOnly', 'writeOnly'],
]);
const combinations = ['allOf', 'anyOf', 'oneOf'];
/** A schema of references that point to references grows with every level. */
const deepest = 16;
const mostNodes = 5_000;

/**
 * The same schema with each reference replaced by what it stands for, so that it can be put into another document. Where
 * a schema refers to itself, or grows beyond all bounds, `{}` allows everything; so does data that looks like a reference.
 */
export const withoutRefs = (schema: JsonSchema): JsonSchema => plain(schema, ofReferences);

/**
 * A schema of arguments as APIs of language models take it: an object at the top, without references, conditions and
 * combinations at the top. It allows what the method's own schema allows and may allow more: the hub checks by its own.
 */
export function toolSchema(schema: JsonSchema): JsonSchema & { type: 'object' } {
  const reduced = plain(schema, new Set([...ofReferences, ...beyondTools]));
  const kept = Object.entries(reduced).filter(([keyword]) => !combinations.includes(keyword));
  const { properties } = reduced;
  return {
    ...Object.fromEntries(kept),
    type: 'object',
    properties: isObject(properties) ? properties : {},
  };
}

/** Whether data looks as if it referred to something: who reads the document would go and fetch it. */
function refers(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(refers);
  return isObject(value) && (Object.hasOwn(value, '$ref') || Object.values(value).some(refers));
}

function plain(root: JsonSchema, without: ReadonlySet<string>): JsonSchema {
  let nodes = 0;
  const visit = (schema: unknown, refs: readonly string[]): unknown => {
    if (Array.isArray(schema)) return schema.map((one) => visit(one, refs));
    if (schema === true) return {};
    if (!isObject(schema)) return schema;
    nodes += 1;
    if (nodes > mostNodes) return {};
    const { $ref } = schema;
    const own = Object.fromEntries(
      Object.entries(schema)
        .filter(
          ([keyword, value]) => !without.has(keyword) && !(data.has(keyword) && refers(value)),
        )
        .map(([keyword, value]) => {
          if (data.has(keyword)) return [keyword, value];
          if (maps.has(keyword) && isObject(value)) {
            const inner = Object.entries(value).map(([name, one]) => [name, visit(one, refs)]);
            return [keyword, Object.fromEntries(inner)];
          }
          return [keyword, visit(value, refs)];
        }),
    );
    if (typeof $ref !== 'string' || refs.includes($ref) || refs.length >= deepest) return own;
    const target = visit(pointed(root, $ref), [...refs, $ref]);
    return isObject(target) ? { ...target, ...own } : own;
  };
  const made = visit(root, []);
  return isObject(made) ? made : {};
}

/** What a reference within the document points to; `{}` for one that leads anywhere else. */
function pointed(root: JsonSchema, ref: string): unknown {
  if (ref === '#') return root;
  if (!ref.startsWith('#/')) return {};
  let here: unknown = root;
  for (const step of ref.slice(2).split('/')) {
    const name = decode(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(here)) here = here[Number(name)] as unknown;
    else if (isObject(here) && Object.hasOwn(here, name)) here = here[name];
    else return {};
  }
  return here ?? {};
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
