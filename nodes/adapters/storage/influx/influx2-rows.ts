import type { Row } from '@influxdata/influxdb-client';

/**
 * A value of a row by the name of its column; times in milliseconds, undefined where there is no such column. The
 * library's own readers are left aside, because any other user of the library can change them for everybody.
 */
export function readCell(
  { values, tableMeta }: Row,
  label: string,
): string | number | boolean | undefined {
  const { index, dataType, defaultValue } = tableMeta.column(label, false);
  const text = values[index] || defaultValue;
  switch (dataType) {
    case 'string':
      return text;
    case 'double':
      return readDouble(text);
    case 'long':
    case 'unsignedLong':
      return Number(text);
    case 'boolean':
      return text === 'true';
    case 'dateTime:RFC3339':
    case 'dateTime:RFC3339Nano':
      return Date.parse(text);
    default:
      return undefined;
  }
}

function readDouble(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}
