import { closeSync, existsSync, openSync, readSync, renameSync } from 'node:fs';
import { isDamage, lockOf, type FileKind } from './open-database.ts';

/** Files that belong to one database. */
const parts = ['', '-wal', '-shm'];
/** Where SQLite's header has the application_id. */
const idOffset = 68;

/** What was opened, and where the damaged file went if there was one. */
export interface Opened<T> {
  opened: T;
  quarantined?: string;
}

/**
 * Opens a database of ours. A damaged one is given another name, with all that belongs to it, and a new one is made;
 * a file that may be somebody else's stays as it is.
 * @param open closes what it has opened when it fails; it is told where a damaged file went
 * @param now milliseconds since the epoch
 * @throws what `open` fails with, unless it is damage
 */
export function openOrQuarantine<T>(
  file: string,
  kind: FileKind,
  open: (quarantined?: string) => T,
  now: number,
): Opened<T> {
  try {
    return { opened: open() };
  } catch (error) {
    if (!isDamage(error) || !isOurs(file, kind)) throw error;
    const quarantined = setAside(file, now);
    return { opened: open(quarantined), quarantined };
  }
}

/** A power cut may leave anything where the header was; then the lock beside the file says whose it is. */
function isOurs(file: string, { applicationId }: FileKind): boolean {
  const header = headerOf(file);
  return (
    header.every((byte) => byte === 0) ||
    header.readUInt32BE(idOffset) === applicationId ||
    headerOf(lockOf(file)).readUInt32BE(idOffset) === applicationId
  );
}

/** The first bytes of a file; zeros where it has none. */
function headerOf(file: string): Buffer {
  const header = Buffer.alloc(idOffset + 4);
  if (!existsSync(file)) return header;
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header;
}

/** Renames a file; it may be looked into later. Gives its new name. */
function setAside(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let name = `${file}.damaged-${stamp}`;
  for (let n = 2; existsSync(name); n++) name = `${file}.damaged-${stamp}-${n}`;
  for (const part of parts) if (existsSync(file + part)) renameSync(file + part, name + part);
  return name;
}
