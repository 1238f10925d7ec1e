import { isObject } from '../document.ts';

/** What stands in the place of a sensitive value for those who may not see it. */
export const mask = '***';

const mark = 'x-sensitive';
/** Keywords of a schema whose schemas describe the same value as the schema they stand in, or its elements. */
const transparent = new Set([
  'items',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'additionalProperties',
]);

/**
 * The names of properties that a schema, or any document that holds schemas, marks with `"x-sensitive": true`: at the
 * property, at its elements or alternatives, or at a definition it refers to.
 */
export function sensitiveNames(...documents: readonly unknown[]): ReadonlySet<string> {
  const names = new Set<string>();
  const references: [name: string, to: string][] = [];
  const visit = (node: unknown, name: string | undefined): void => {
    if (Array.isArray(node)) {
      for (const each of node) visit(each, name);
    } else if (isObject(node)) {
      if (node[mark] === true && name !== undefined) names.add(name);
      const to = node['$ref'];
      if (typeof to === 'string' && name !== undefined)
        references.push([name, to.slice(to.lastIndexOf('/') + 1)]);
      for (const [key, value] of Object.entries(node))
        visit(value, Array.isArray(value) || transparent.has(key) ? name : key);
    }
  };
  for (const document of documents) visit(document, undefined);
  for (let before = -1; names.size > before;) {
    before = names.size;
    for (const [name, to] of references) if (names.has(to)) names.add(name);
  }
  return names;
}

/** A copy of a document with every value under one of the names changed; itself when there is none. */
export function changeSensitive(
  value: unknown,
  names: ReadonlySet<string>,
  change: (value: unknown) => unknown,
): unknown {
  if (names.size === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => changeSensitive(item, names, change));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      names.has(key) ? change(item) : changeSensitive(item, names, change),
    ]),
  );
}

/** The document as somebody may see it who is to do without its secrets. */
export const masked = <T>(value: T, names: ReadonlySet<string>): T =>
  changeSensitive(value, names, (secret) => (isDeclaration(secret) ? secret : mask)) as T;

/** The schema of a sensitive property, in a document that holds schemas too, is no secret. */
const isDeclaration = (value: unknown): boolean => isObject(value) && value[mark] === true;
