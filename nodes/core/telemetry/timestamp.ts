const iso =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?$/;
const zone = /(?:[Zz]|[+-]\d{2}:?\d{2})$/;

/**
 * A reading's time in milliseconds since the epoch, from ISO 8601 (UTC where it names no zone) or milliseconds.
 * Undefined for anything else, or a date that does not exist.
 */
export function parseTimestamp(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined;
  if (typeof value !== 'string' || !iso.test(value)) return undefined;
  const dateOnly = value.length === 10;
  const text = dateOnly || zone.test(value.slice(10)) ? value : `${value}Z`;
  const time = Date.parse(text.replace(' ', 'T').replace(',', '.').toUpperCase());
  if (Number.isNaN(time)) return undefined;
  const lastDay = new Date(Date.UTC(Number(value.slice(0, 4)), Number(value.slice(5, 7)), 0));
  return Number(value.slice(8, 10)) > lastDay.getUTCDate() ? undefined : time;
}
