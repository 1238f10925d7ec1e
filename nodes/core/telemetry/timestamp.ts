const iso =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?$/;
const zone = /(?:[Zz]|[+-]\d{2}:?\d{2})$/;

/**
 * A reading's time in milliseconds since the epoch, from ISO 8601 (UTC where it names no zone) or milliseconds.
 * Undefined for anything else, or a date that does not exist.
 */
export function parseTimestamp(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const usual = parseUsual(value);
  if (usual !== undefined) return usual;
  if (!iso.test(value)) return undefined;
  const dateOnly = value.length === 10;
  const text = dateOnly || zone.test(value.slice(10)) ? value : `${value}Z`;
  const time = Date.parse(text.replace(' ', 'T').replace(',', '.').toUpperCase());
  if (Number.isNaN(time)) return undefined;
  const lastDay = new Date(Date.UTC(Number(value.slice(0, 4)), Number(value.slice(5, 7)), 0));
  return Number(value.slice(8, 10)) > lastDay.getUTCDate() ? undefined : time;
}

const shape = '0000-00-00T00:00:00.000Z';
const zero = 48;

/**
 * What most devices and `toISOString` write (24 characters, or 20 without milliseconds), several times faster than the
 * general form; undefined for all else, and where the last days of a month need a look at the calendar.
 */
function parseUsual(text: string): number | undefined {
  const { length } = text;
  if (length !== 24 && length !== 20) return undefined;
  for (let at = 0; at < length - 1; at++) {
    const code = text.charCodeAt(at) - zero;
    const wanted = shape.charCodeAt(at) - zero;
    if (wanted === 0 ? code < 0 || code > 9 : code !== wanted) return undefined;
  }
  if (text[length - 1] !== 'Z') return undefined;
  const two = (at: number): number =>
    (text.charCodeAt(at) - zero) * 10 + text.charCodeAt(at + 1) - zero;
  const [month, day, hour, minute, second] = [two(5), two(8), two(11), two(14), two(17)];
  if (month < 1 || month > 12 || day < 1 || day > (month === 2 ? 28 : 30)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const year = two(0) * 100 + two(2);
  // Date.UTC takes years below 100 for those of the 20th century.
  if (year < 100) return undefined;
  const milliseconds = length === 24 ? two(20) * 10 + text.charCodeAt(22) - zero : 0;
  return Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
}
