import { existsSync, renameSync } from 'node:fs';
import { applicationIdAt, fileHeader } from './file-header.ts';
import { isDamage, lockOf, type FileKind } from './open-database.ts';

/** What the files that belong to one database have behind its name. */
export const databaseParts = ['', '-wal', '-shm'];

/** What was opened, and where the damaged file went if there was one. */
export interface Opened<T> {
  opened: T;
  quarantined?: string;
}

/** A damaged file that was put aside. */
export interface Quarantined {
  /** Its new name. */
  file: string;
  /** What has shown that it is damaged. */
  why: string;
}

/** Says what became of a damaged file, for people. */
export const describeQuarantined = ({ file, why }: Quarantined, fate: string): string =>
  `the file was damaged and put aside as ${file}, a new one begun; ${fate} (what showed it: ${why})`;

/**
 * Opens a database of ours. A damaged one is given another name, with all that belongs to it, and a new one is made;
 * a file that may be somebody else's stays as it is.
 * @param open closes what it has opened when it fails; it is told of a damaged file
 * @param now milliseconds since the epoch
 * @throws what `open` fails with, unless it is damage
 */
export function openOrQuarantine<T>(
  file: string,
  kind: FileKind,
  open: (quarantined?: Quarantined) => T,
  now: number,
): Opened<T> {
  try {
    return { opened: open() };
  } catch (error) {
    if (!isDamage(error) || !isOurs(file, kind)) throw error;
    const quarantined = setAside(file, now);
    const why = (error as Error).message;
    return { opened: open({ file: quarantined, why }), quarantined };
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
  for (const part of databaseParts)
    if (existsSync(file + part)) renameSync(file + part, name + part);
  return name;
}
