import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { checkWhole, DamagedDatabase, openForWriting } from '../open-database.ts';
import { describeQuarantined, openOrQuarantine, type Quarantined } from '../quarantine.ts';
import { createRoomCheck } from './disk-room.ts';
import { salvage } from './salvage.ts';
import { telemetryFile } from './sqlite-schema.ts';
import { createTelemetryFile, type TelemetryFile } from './telemetry-file.ts';
import { commitsOfLog } from './wal-commits.ts';

/** What can be read of a damaged file is read again, unless that would take too long. */
const largestSalvaged = 256 * 2 ** 20;

/** How to open a telemetry file. */
export interface OpenRequest {
  file: string;
  /** Most pages of 4 KiB it may have. */
  maxPages?: number;
  /** Nothing is stored while the disk has less room left. */
  leastRoomBytes: number;
  /** Larger files are not checked now. */
  checkUpToBytes: number;
  /** What has shown that it is damaged. */
  damage?: string;
}

export interface OpenedTelemetryFile {
  file: TelemetryFile;
  isChecked: boolean;
  /** What was wrong with the file and what became of it, for people. */
  notes: string[];
}

/**
 * Opens a telemetry file. A damaged one is put aside under another name; a new one takes its place, with what can
 * still be read of it.
 * @throws Error that says what is wrong with the file, and what is not ours to put aside
 */
export function openTelemetryFile(request: OpenRequest): OpenedTelemetryFile {
  const { file: path } = request;
  const notes: string[] = [];
  const open = (quarantined?: Quarantined): TelemetryFile => {
    if (quarantined) return begin(request, quarantined, notes);
    if (request.damage !== undefined) throw new DamagedDatabase(request.damage);
    return openWhole(request, notes);
  };
  const { opened } = openOrQuarantine(path, telemetryFile, open, Date.now());
  return { file: opened, isChecked: sizeOf(path) <= request.checkUpToBytes, notes };
}

function openWhole(request: OpenRequest, notes: string[]): TelemetryFile {
  const { file: path } = request;
  const [bytes, logBytes] = [sizeOf(path), sizeOf(`${path}-wal`)];
  // SQLite would take the log for one of another file and delete it.
  if (bytes === 0 && logBytes > 0)
    throw new DamagedDatabase(`${path} is damaged: it is empty, and its log is not`);
  const commits = commitsOfLog(`${path}-wal`);
  return openWith(request, (db) => {
    const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
    if (logBytes === 0 && bytes % pageBytes !== 0)
      throw new DamagedDatabase(`${path} is damaged: its last page is cut off`);
    const read = Number(db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.['log']);
    const lost = commits.filter((frame) => frame > read).length;
    if (lost > 0)
      notes.push(`the end of its log was damaged: the last ${lost} of its transactions are lost`);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    if (bytes <= request.checkUpToBytes) checkWhole(db, path);
  });
}

/** Begins a new file in place of a damaged one. */
function begin(request: OpenRequest, quarantined: Quarantined, notes: string[]): TelemetryFile {
  let fate = 'it is too large to be read again at once';
  const file = openWith(request, (db) => {
    if (sizeOf(quarantined.file) > largestSalvaged) return;
    const { readings, isWhole } = salvage(quarantined.file, { db, path: request.file });
    fate = `${readings} readings of it were taken over${isWhole ? '' : ', others could not be read'}`;
  });
  notes.push(describeQuarantined(quarantined, fate));
  return file;
}

function openWith(
  { file: path, maxPages, leastRoomBytes }: OpenRequest,
  prepare: (db: DatabaseSync) => void,
): TelemetryFile {
  const database = openForWriting(path, telemetryFile);
  const { db } = database;
  try {
    if (maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${maxPages}`);
    prepare(db);
    return createTelemetryFile(database, createRoomCheck(db, path, leastRoomBytes));
  } catch (error) {
    database.close();
    throw error;
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
