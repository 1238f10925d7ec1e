import type { PackedReadings } from './packing.ts';

const headerBytes = 8;
/** Two doubles, the series and the quality. */
const bytesPerReading = 21;

/** Packed readings as one body: their number, then column after column, then the texts as JSON. */
export function encodeBatch({ series, timestamp, number, quality, text }: PackedReadings): Buffer {
  const texts = text.length > 0 ? Buffer.from(JSON.stringify(text)) : Buffer.alloc(0);
  const body = Buffer.alloc(headerBytes + series.length * bytesPerReading + texts.length);
  body.writeUInt32LE(series.length, 0);
  let offset = headerBytes;
  for (const column of [timestamp, number, series, quality]) {
    body.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  body.set(texts, offset);
  return body;
}

/** @throws Error for a body that was not encoded so */
export function decodeBatch(body: Uint8Array): PackedReadings {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const count = view.readUInt32LE(0);
  if (headerBytes + count * bytesPerReading > view.length) throw new Error('it is cut off');
  let offset = headerBytes;
  // A copy stands at an address that suits the column, and can be given to another thread.
  const column = (width: number): ArrayBuffer => {
    const bytes = new Uint8Array(count * width);
    bytes.set(body.subarray(offset, offset + bytes.length));
    offset += bytes.length;
    return bytes.buffer;
  };
  return {
    timestamp: new Float64Array(column(8)),
    number: new Float64Array(column(8)),
    series: new Uint32Array(column(4)),
    quality: new Uint8Array(column(1)),
    text: offset < view.length ? (JSON.parse(view.toString('utf8', offset)) as string[]) : [],
  };
}
