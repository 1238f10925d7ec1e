import {
  Bool,
  Field,
  Float64,
  Int64,
  makeData,
  makeVector,
  Message,
  RecordBatch,
  Schema,
  Struct,
  tableToIPC,
  Table,
  TimestampNanosecond,
  Utf8,
  vectorFromArray,
  type Vector,
} from 'apache-arrow';
import type { ColumnType, ResultType } from './sql-plan.ts';
import type { QueryResult } from './tables.ts';

/** One message of the Arrow IPC stream format, in the two parts Flight sends it in. */
export interface ArrowMessage {
  header: Uint8Array;
  body: Uint8Array;
}

/** What the server says a column of a table is. */
const metadata: Partial<Record<ColumnType, string>> = {
  timestamp: 'iox::column_type::timestamp',
  tag: 'iox::column_type::tag',
  float64: 'iox::column_type::field::float',
  utf8: 'iox::column_type::field::string',
  bool: 'iox::column_type::field::boolean',
};
const types = {
  timestamp: () => new TimestampNanosecond(),
  int64: () => new Int64(),
  float64: () => new Float64(),
  utf8: () => new Utf8(),
  bool: () => new Bool(),
};

/** The schema of a result and its rows, some of them a message. */
export function arrowMessages(
  { columns, rows }: QueryResult,
  rowsPerBatch = 1_000,
): ArrowMessage[] {
  const schema = new Schema(
    columns.map(({ name, type, field }) => {
      const described = field && metadata[field];
      return new Field(
        name,
        types[type](),
        true,
        described ? new Map([['iox::column::type', described]]) : undefined,
      );
    }),
  );
  const batches: RecordBatch[] = [];
  for (let from = 0; from < rows.length; from += rowsPerBatch)
    batches.push(batchOf(schema, columns, rows.slice(from, from + rowsPerBatch)));
  return messagesOf(tableToIPC(new Table(schema, batches), 'stream'));
}

function batchOf(
  schema: Schema,
  columns: QueryResult['columns'],
  rows: QueryResult['rows'],
): RecordBatch {
  const children = columns.map(
    ({ type }, i) =>
      vectorOf(
        type,
        rows.map((row) => row[i] ?? null),
      ).data[0]!,
  );
  const struct = makeData({ type: new Struct(schema.fields), length: rows.length, children });
  return new RecordBatch(schema, struct as never);
}

function vectorOf(type: ResultType, values: QueryResult['rows'][number]): Vector {
  if (type === 'float64') return vectorFromArray(values.map(orNull(Number)), new Float64());
  if (type === 'utf8') return vectorFromArray(values.map(orNull(String)), new Utf8());
  if (type === 'bool') return vectorFromArray(values.map(orNull(Boolean)), new Bool());
  if (type === 'int64') return vectorFromArray(values.map(orNull(BigInt)), new Int64());
  if (values.includes(null)) throw new Error('this server has no times that are null');
  // The library would take milliseconds and lose what is beyond 53 bits.
  const data = BigInt64Array.from(values as bigint[]);
  return makeVector(makeData({ type: new TimestampNanosecond(), data }));
}

const orNull =
  <T>(convert: (value: string | number | bigint) => T) =>
  (value: string | number | bigint | null): T | null =>
    value === null ? null : convert(value);

/** Cuts a stream into its messages: each has a marker, the length of its header, the header and the body. */
function messagesOf(stream: Uint8Array): ArrowMessage[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const messages: ArrowMessage[] = [];
  for (let at = 0; at < stream.length;) {
    const length = view.getInt32(at + 4, true);
    if (length === 0) break;
    const header = stream.subarray(at + 8, at + 8 + length);
    const { bodyLength } = Message.decode(header);
    at += 8 + length + bodyLength;
    messages.push({ header, body: stream.subarray(at - bodyLength, at) });
  }
  return messages;
}
