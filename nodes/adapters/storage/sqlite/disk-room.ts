import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { ErrorCode, RpcError } from '../../../core/rpc/errors.ts';

const megabyte = 2 ** 20;
/** What the log of a database grows to: SQLite's checkpoints keep it about there. */
const logBytes = 17 * megabyte;
/** How long what was found out is good for. */
const goodForMs = 100;

/** A disk and the database on it, in bytes. */
export interface DiskFigures {
  free: number;
  /** The file as it will be when all of its log is in it, and of that what is of no use at the moment. */
  database: number;
  unused: number;
  /** The file and its log as they are. */
  file: number;
  log: number;
}

/** How much can still be stored: the log has to grow to its size, and what is in it has to go into the file. */
export const roomLeft = ({ free, database, unused, file, log }: DiskFigures): number =>
  free - Math.max(0, database - file) - Math.max(0, logBytes - log) + unused;

/**
 * A check to be made before each commit, so that some room is always left: on a disk that is full to the last byte
 * old readings could not be forgotten either, because that is written to the log first.
 * @returns a function that throws RpcError -32006 while there is less room than there should be
 */
export function createRoomCheck(db: DatabaseSync, path: string, leastRoom: number): () => void {
  const pragma = (name: string) => db.prepare(`PRAGMA ${name}`);
  const [pages, freePages, page] = ['page_count', 'freelist_count', 'page_size'].map(pragma);
  const numberOf = (statement: typeof page): number =>
    Number(Object.values(statement?.get() ?? {})[0]);
  const pageBytes = numberOf(page);
  let checkedAt = -Infinity;
  let left = Infinity;

  const look = (): number => {
    const { bavail, bsize, blocks } = statfsSync(dirname(path));
    return roomLeft({
      // Some file systems do not say.
      free: blocks === 0 ? Infinity : bavail * bsize,
      database: numberOf(pages) * pageBytes,
      unused: numberOf(freePages) * pageBytes,
      file: sizeOf(path),
      log: sizeOf(`${path}-wal`),
    });
  };
  return () => {
    if (performance.now() - checkedAt > goodForMs) {
      left = look();
      checkedAt = performance.now();
    }
    if (left < leastRoom)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        'the disk of the store is full; what is left is kept for forgetting old readings',
      );
  };
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
