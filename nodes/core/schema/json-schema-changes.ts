import { isObject } from '../document.ts';
import { canonical } from './canonical.ts';

type Schema = Record<string, unknown>;

/** Keywords that explain and do not restrict. */
const annotations = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
  'examples',
]);
/** Keywords below which schemas are compared part by part. */
const understood = new Set(['type', 'enum', 'required', 'properties', 'items', '$defs']);
const lowerBounds = new Set([
  'minimum',
  'exclusiveMinimum',
  'minLength',
  'minItems',
  'minProperties',
]);
const upperBounds = new Set([
  'maximum',
  'exclusiveMaximum',
  'maxLength',
  'maxItems',
  'maxProperties',
]);

/**
 * Changes from one JSON Schema to another after which a document that was valid might no longer
 * be: something newly required or removed, a type or enum with fewer values, a tighter bound. A
 * changed keyword whose effect cannot be told (`pattern`, `oneOf`, `$ref` ...) counts as one.
 */
export function compareJsonSchemas(from: unknown, to: unknown, path = ''): string[] {
  const at = path === '' ? 'the schema' : path;
  if (canonical(from) === canonical(to) || to === true) return [];
  if (to === false) return [`${at} is no longer allowed`];
  const before: Schema = isObject(from) ? from : {};
  if (!isObject(to)) return [`${at} is no schema`];
  return [
    ...typeChanges(before, to, at),
    ...enumChanges(before, to, at),
    ...requiredChanges(before, to, path),
    ...propertyChanges(before, to, path),
    ...compareParts(before.items, to.items, `${path}[]`),
    ...definitionChanges(before, to, path),
    ...otherChanges(before, to, at),
  ];
}

function typeChanges(from: Schema, to: Schema, at: string): string[] {
  if (to.type === undefined) return [];
  const now = new Set(list(to.type));
  // Every integer is a number.
  if (now.has('number')) now.add('integer');
  if (from.type === undefined) return [`${at} is now restricted to type ${text(to.type)}`];
  const gone = list(from.type).filter((type) => !now.has(type));
  return gone.length > 0 ? [`${at} no longer allows type ${gone.map(text).join(', ')}`] : [];
}

function enumChanges(from: Schema, to: Schema, at: string): string[] {
  if (to.enum === undefined) return [];
  const now = new Set(list(to.enum).map(canonical));
  if (from.enum === undefined) return [`${at} is now restricted to a list of values`];
  const gone = list(from.enum).filter((value) => !now.has(canonical(value)));
  return gone.length > 0 ? [`${at} no longer allows ${gone.map(canonical).join(', ')}`] : [];
}

function requiredChanges(from: Schema, to: Schema, path: string): string[] {
  const before = new Set(list(from.required));
  return list(to.required)
    .filter((name) => !before.has(name))
    .map((name) => `${join(path, text(name))} is newly required`);
}

function propertyChanges(from: Schema, to: Schema, path: string): string[] {
  const before = isObject(from.properties) ? from.properties : {};
  const now = isObject(to.properties) ? to.properties : {};
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(now, name));
  return [
    ...removed.map((name) => `${join(path, name)} was removed`),
    ...Object.keys(now).flatMap((name) =>
      // What was not described before was free, unless the old schema closed itself to it.
      Object.hasOwn(before, name) || from.additionalProperties !== false
        ? compareParts(before[name], now[name], join(path, name))
        : [],
    ),
  ];
}

function definitionChanges(from: Schema, to: Schema, path: string): string[] {
  const before = isObject(from.$defs) ? from.$defs : {};
  const now = isObject(to.$defs) ? to.$defs : {};
  return Object.keys(before).flatMap((name) =>
    Object.hasOwn(now, name)
      ? compareParts(before[name], now[name], join(path, `$defs.${name}`))
      : [],
  );
}

function compareParts(from: unknown, to: unknown, path: string): string[] {
  return to === undefined ? [] : compareJsonSchemas(from ?? true, to, path);
}

function otherChanges(from: Schema, to: Schema, at: string): string[] {
  const keywords = Object.keys(to).filter(
    (keyword) => !annotations.has(keyword) && !understood.has(keyword),
  );
  return keywords.flatMap((keyword) => {
    if (canonical(from[keyword]) === canonical(to[keyword])) return [];
    if (keyword === 'additionalProperties' && to[keyword] === true) return [];
    if (!tightens(keyword, from[keyword], to[keyword])) return [];
    return [`${at} has another ${keyword}: ${canonical(to[keyword])}`];
  });
}

function tightens(keyword: string, from: unknown, to: unknown): boolean {
  if (typeof to !== 'number') return true;
  if (lowerBounds.has(keyword)) return typeof from !== 'number' || to > from;
  if (upperBounds.has(keyword)) return typeof from !== 'number' || to < from;
  return true;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function list(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : canonical(value);
}
