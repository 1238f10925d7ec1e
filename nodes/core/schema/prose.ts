import { isObject } from '../document.ts';

/** Keywords that hold words for a reader and change nothing of what a schema allows. */
const prose = new Set(['title', 'description', '$comment', 'examples', 'default', 'deprecated']);
/** Keywords whose members are names, not keywords. */
const maps = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
]);
/** Keywords whose value is data. */
const data = new Set(['const', 'enum', 'required']);

/** A schema that allows the same and tells nothing in words. */
export function withoutProse(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutProse);
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => !prose.has(keyword))
      .map(([keyword, value]) => {
        if (data.has(keyword)) return [keyword, value];
        if (maps.has(keyword) && isObject(value)) return [keyword, mapValues(value, withoutProse)];
        return [keyword, withoutProse(value)];
      }),
  );
}

const mapValues = (map: Record<string, unknown>, change: (value: unknown) => unknown): object =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]));
