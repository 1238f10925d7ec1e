import { existsSync, renameSync } from 'node:fs';
import { applicationIdAt, fileHeader } from './file-header.ts';
import { isDamage, lockOf, type FileKind } from './open-database.ts';

/** Files that belong to one database. */
const parts = ['', '-wal', '-shm'];

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
  const header = fileHeader(file);
  return (
    header.every((byte) => byte === 0) ||
    header.readUInt32BE(applicationIdAt) === applicationId ||
    fileHeader(lockOf(file)).readUInt32BE(applicationIdAt) === applicationId
  );
}

/** Renames a file; it may be looked into later. Gives its new name. */
function setAside(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let name = `${file}.damaged-${stamp}`;
  for (let n = 2; existsSync(name); n++) name = `${file}.damaged-${stamp}-${n}`;
  for (const part of parts) if (existsSync(file + part)) renameSync(file + part, name + part);
  return name;
}
