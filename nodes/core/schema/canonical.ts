/**
 * JSON text of a value by RFC 8785 (JCS): no blanks, members ordered by the UTF-16 units of their names, numbers and
 * strings as ECMAScript writes them. Equal values read equal.
 */
export function canonical(value: unknown): string {
  return write(JSON.parse(JSON.stringify(value ?? null)));
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  // Joined as text: an object would put names that are integers first.
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, part]) => `${JSON.stringify(name)}:${write(part)}`);
  return `{${members.join(',')}}`;
}
