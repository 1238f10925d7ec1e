/**
 * Arrays in PostgreSQL's binary format, as parameters of a statement: exact for every number, nothing to quote, and
 * about a third faster than text. https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES
 */

const headerBytes = 20;

export const int2Array = (values: ArrayLike<number>): Buffer =>
  fixedArray(21, 2, values, (buffer, value, at) => buffer.writeInt16BE(value, at));

export const int4Array = (values: ArrayLike<number>): Buffer =>
  fixedArray(23, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at));

export const int8Array = (values: ArrayLike<number>): Buffer =>
  fixedArray(20, 8, values, (buffer, value, at) => {
    const high = Math.floor(value / 2 ** 32);
    buffer.writeInt32BE(high, at);
    buffer.writeUInt32BE(value - high * 2 ** 32, at + 4);
  });

/** NaN becomes NULL. */
export const float8Array = (values: ArrayLike<number>): Buffer =>
  fixedArray(701, 8, values, (buffer, value, at) => buffer.writeDoubleBE(value, at));

export function textArray(values: readonly (string | undefined)[]): Buffer {
  const encoded = values.map((value) => (value === undefined ? undefined : Buffer.from(value)));
  const buffer = Buffer.allocUnsafe(
    encoded.reduce((bytes, value) => bytes + 4 + (value?.length ?? 0), headerBytes),
  );
  writeHeader(buffer, 25, values.length);
  let at = headerBytes;
  for (const value of encoded) {
    at = buffer.writeInt32BE(value?.length ?? -1, at);
    if (value) at += value.copy(buffer, at);
  }
  return buffer;
}

function fixedArray(
  type: number,
  bytes: number,
  values: ArrayLike<number>,
  write: (buffer: Buffer, value: number, at: number) => void,
): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + values.length * (4 + bytes));
  writeHeader(buffer, type, values.length);
  let at = headerBytes;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value)) {
      at = buffer.writeInt32BE(-1, at);
    } else {
      write(buffer, value, at + 4);
      at = buffer.writeInt32BE(bytes, at) + bytes;
    }
  }
  return buffer.subarray(0, at);
}

/** One dimension that counts from 1 and may hold NULL. */
function writeHeader(buffer: Buffer, type: number, length: number): void {
  for (const [position, value] of [1, 1, type, length, 1].entries())
    buffer.writeInt32BE(value, position * 4);
}
