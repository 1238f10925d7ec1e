import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

// SQLite's write-ahead log: a header, then frames of a header and a page each.
const headerBytes = 32;
const frameHeaderBytes = 24;
const pageSizeAt = 8;
const saltsAt = 16;
const frameSaltsAt = 8;
const saltBytes = 8;
const pagesAfterCommitAt = 4;

/**
 * The frames of a write-ahead log, counted from 1, that end a transaction. SQLite takes in what is before the first
 * damaged frame and says nothing of the rest; frames of earlier rounds have other salts and are not among these.
 */
export function commitsOfLog(file: string): number[] {
  if (!existsSync(file)) return [];
  const descriptor = openSync(file, 'r');
  try {
    const read = (position: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      readSync(descriptor, bytes, 0, length, position);
      return bytes;
    };
    const header = read(0, headerBytes);
    const salts = header.subarray(saltsAt, saltsAt + saltBytes);
    const frameBytes = frameHeaderBytes + header.readUInt32BE(pageSizeAt);
    const frames = Math.floor((fstatSync(descriptor).size - headerBytes) / frameBytes);
    const commits: number[] = [];
    for (let frame = 1; frame <= frames; frame++) {
      const start = read(headerBytes + (frame - 1) * frameBytes, frameHeaderBytes);
      const isOfThisRound = start.subarray(frameSaltsAt, frameSaltsAt + saltBytes).equals(salts);
      if (isOfThisRound && start.readUInt32BE(pagesAfterCommitAt) > 0) commits.push(frame);
    }
    return commits;
  } finally {
    closeSync(descriptor);
  }
}
