import { closeSync, existsSync, openSync, readSync } from 'node:fs';

const headerBytes = 100;
/** Where the header of an SQLite file has its application_id. */
export const applicationIdAt = 68;
const writeVersionAt = 18;
/** Of files with a rollback journal, and of files with a write-ahead log. */
const writeVersions = [1, 2];

/** The header of a file; zeros where it has none. */
export function fileHeader(file: string): Buffer {
  const header = Buffer.alloc(headerBytes);
  if (!existsSync(file)) return header;
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header;
}

/** Whether the header says that the file may be read only, which no SQLite of today writes. */
export const isOfUnknownFormat = (file: string): boolean =>
  !writeVersions.includes(fileHeader(file).readUInt8(writeVersionAt));
