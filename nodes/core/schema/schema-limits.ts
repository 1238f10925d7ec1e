import { isObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema } from '../rpc/types.ts';
import { unsafePattern } from './safe-pattern.ts';

const maxCharacters = 65_536;
const maxDepth = 32;
/** Subschemas after every `$ref` is written out: what one validation may have to visit. */
const maxExpanded = 10_000;
const maxUniqueItems = 1000;

/** Keywords whose value is a map of names to schemas: the names are not keywords. */
const schemaMaps = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
]);
/** Keywords whose value is data, whatever it looks like. */
const dataKeywords = new Set(['const', 'enum', 'default', 'examples', 'required']);
const refused: Record<string, string> = {
  $dynamicRef: 'is not supported; use "$ref": "#/$defs/..."',
  $recursiveRef: 'is not supported; use "$ref": "#/$defs/..."',
  $async: 'is not supported',
};

/**
 * Refuses what makes a schema from outside dangerous to compile or to run: too big or deep, references
 * to other documents or to itself, patterns that backtrack without end, pairwise comparison of long arrays.
 * @throws RpcError -32602 naming the place in the schema
 */
export function checkSchemaLimits(schema: JsonSchema): void {
  const text = serialise(schema);
  if (text === undefined) throw unusable('#', 'is not a JSON document');
  if (text.length > maxCharacters) {
    throw unusable('#', `is longer than ${maxCharacters} characters`);
  }
  checkNode(schema, '#', 0);
  expandedSize(schema, schema, new Map());
}

/** The error for a schema that cannot be used; `schema_path` says where. */
export function unusable(path: string, problem: string): RpcError {
  return new RpcError(ErrorCode.InvalidParams, `the schema cannot be used: ${path} ${problem}`, {
    schema_path: path,
    problem,
  });
}

function serialise(schema: JsonSchema): string | undefined {
  try {
    return JSON.stringify(schema);
  } catch {
    return undefined;
  }
}

/** The subschemas right below a schema, each with its place. */
function* children(schema: Record<string, unknown>): Generator<[path: string, child: unknown]> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (dataKeywords.has(keyword)) continue;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) yield [`${keyword}/${index}`, item];
    } else if (schemaMaps.has(keyword) && isObject(value)) {
      for (const [name, item] of Object.entries(value)) yield [`${keyword}/${name}`, item];
    } else if (isObject(value)) {
      yield [keyword, value];
    }
  }
}

function checkNode(node: unknown, path: string, depth: number): void {
  if (!isObject(node)) return;
  if (depth > maxDepth) throw unusable(path, `is nested deeper than ${maxDepth} levels`);
  for (const [keyword, problem] of Object.entries(refused)) {
    if (keyword in node) throw unusable(`${path}/${keyword}`, problem);
  }
  if (typeof node['$id'] === 'string' && depth > 0) {
    throw unusable(`${path}/$id`, 'is only allowed at the top');
  }
  const ref = node['$ref'];
  if (typeof ref === 'string' && ref !== '#' && !ref.startsWith('#/')) {
    throw unusable(`${path}/$ref`, 'may only refer to a place in the same schema, "#/..."');
  }
  checkPatterns(node, path);
  checkUniqueItems(node, path);
  for (const [at, child] of children(node)) checkNode(child, `${path}/${at}`, depth + 1);
}

function checkPatterns(node: Record<string, unknown>, path: string): void {
  const named = isObject(node['patternProperties']) ? Object.keys(node['patternProperties']) : [];
  const own = typeof node['pattern'] === 'string' ? [node['pattern']] : [];
  for (const pattern of [...own, ...named]) {
    const problem = unsafePattern(pattern);
    if (problem) throw unusable(path, `has a pattern that ${problem}: ${pattern.slice(0, 80)}`);
  }
}

function checkUniqueItems(node: Record<string, unknown>, path: string): void {
  if (node['uniqueItems'] !== true) return;
  const { items, maxItems } = node;
  // Scalars of one declared type are compared by a hash, everything else pair by pair.
  const hashable =
    isObject(items) && ['string', 'number', 'integer'].includes(String(items['type']));
  if (hashable || (typeof maxItems === 'number' && maxItems <= maxUniqueItems)) return;
  throw unusable(
    `${path}/uniqueItems`,
    `needs a scalar items type or maxItems of at most ${maxUniqueItems}`,
  );
}

const underWay = -1;

function expandedSize(
  node: unknown,
  root: JsonSchema,
  sizes: Map<object, number>,
  path = '#',
): number {
  if (!isObject(node)) return 1;
  const known = sizes.get(node);
  if (known === underWay)
    throw unusable(path, 'refers to itself; recursive schemas are not supported');
  if (known !== undefined) return known;
  sizes.set(node, underWay);
  let size = 1;
  for (const [at, child] of children(node)) {
    // A definition costs nothing until something refers to it.
    if (at.startsWith('$defs/') || at.startsWith('definitions/')) continue;
    size += expandedSize(child, root, sizes, `${path}/${at}`);
  }
  const ref = node['$ref'];
  if (typeof ref === 'string') {
    size += expandedSize(resolve(root, ref, `${path}/$ref`), root, sizes, `${path}/$ref`);
  }
  if (size > maxExpanded) {
    throw unusable(path, `grows to more than ${maxExpanded} subschemas with its references`);
  }
  sizes.set(node, size);
  return size;
}

function resolve(root: JsonSchema, ref: string, path: string): unknown {
  let at: unknown = root;
  for (const part of ref.split('/').slice(1)) {
    const name = decode(part);
    at =
      isObject(at) || Array.isArray(at)
        ? Object.entries(at).find(([key]) => key === name)?.[1]
        : undefined;
    if (at === undefined) throw unusable(path, `refers to ${ref}, which does not exist`);
  }
  return at;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}
