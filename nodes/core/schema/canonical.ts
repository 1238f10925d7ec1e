/** JSON text of a value with the keys of its objects in order, so that equal values read equal. */
export function canonical(value: unknown): string {
  const ordered: unknown = JSON.parse(JSON.stringify(value ?? null), (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return JSON.stringify(ordered);
}
