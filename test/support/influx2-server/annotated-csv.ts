import type { FluxResult } from './flux-program.ts';
import { formatTime, type ColumnType, type FluxTable, type FluxValue } from './values.ts';

const annotations: Record<ColumnType, string> = {
  string: 'string',
  double: 'double',
  long: 'long',
  boolean: 'boolean',
  time: 'dateTime:RFC3339',
};
const lineEnd = '\r\n';

/** Results as annotated CSV, a line or a block at a time: each table of another shape has headers of its own. */
export function* annotatedCsv(results: readonly FluxResult[]): Generator<string> {
  for (const [position, { name, tables }] of results.entries()) {
    if (position > 0) yield lineEnd;
    let shape: string | undefined;
    for (const [index, table] of tables.entries()) {
      const headers = headersOf(name, table);
      if (headers !== shape) {
        if (shape !== undefined) yield lineEnd;
        yield headers;
        shape = headers;
      }
      for (const row of table.rows)
        yield line([
          '',
          '',
          String(index),
          ...[...table.columns.keys()].map((column) => format(row.get(column))),
        ]);
    }
    yield lineEnd;
  }
}

/** How a server says that something went wrong after it had begun to answer. */
export const csvError = (message: string): string =>
  [
    '',
    '#datatype,string,string',
    '#group,true,true',
    '#default,,',
    ',error,reference',
    line(['', message, '']).trimEnd(),
    '',
  ].join(lineEnd);

function headersOf(name: string, { key, columns }: FluxTable): string {
  const names = [...columns.keys()];
  return [
    ['#datatype', 'string', 'long', ...[...columns.values()].map((type) => annotations[type])],
    ['#group', 'false', 'false', ...names.map((column) => String(key.includes(column)))],
    ['#default', name, '', ...names.map(() => '')],
    ['', 'result', 'table', ...names],
  ]
    .map(line)
    .join('');
}

function format(value: FluxValue | undefined): string {
  switch (value?.type) {
    case undefined:
      return '';
    case 'time':
      return formatTime(value.value);
    case 'double':
      return formatFloat(value.value);
    default:
      return String(value?.value);
  }
}

function formatFloat(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const quoted = /[",\r\n]|^ |^\\\.$/;
const line = (values: readonly string[]): string =>
  values.map((one) => (quoted.test(one) ? `"${one.replaceAll('"', '""')}"` : one)).join(',') +
  lineEnd;
