import { createGroupQueue } from '../group-queue.ts';
import {
  tableShapes,
  type SessionChange,
  type SessionRows,
  type SessionTable,
} from './session-rows.ts';

/** What changes of the sessions, on its way to the disk. */
export interface WriteBehind {
  put<Table extends SessionTable>(table: Table, row: SessionRows[Table]): void;
  /** @param key the columns of the key */
  remove<Table extends SessionTable>(table: Table, key: Partial<SessionRows[Table]>): void;
  /**
   * Resolves when all that was changed before is on disk. What is changed in one turn of the event loop is in one
   * commit: all of it survives, or nothing.
   * @throws Error when it could not be written. It is tried again until it is: who does not want that takes it back
   */
  flushed(): Promise<void>;
  /** The same, but however long it takes; it does not fail. */
  written(): Promise<void>;
  /** Writes what is left, and takes no more. */
  close(): Promise<void>;
}

/** For sessions that end with the process. */
export const noStorage: WriteBehind = {
  put: () => undefined,
  remove: () => undefined,
  flushed: () => Promise.resolve(),
  written: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

const retryMs = 1_000;

/**
 * Gathers changes while a commit is under way into the next one; of several changes of one row only the last is
 * written.
 * @param options `commit` writes all changes or none; `onFailure` is told of each commit that failed
 */
export function createWriteBehind(options: {
  commit: (changes: SessionChange[]) => Promise<void>;
  onFailure: (error: unknown) => void;
}): WriteBehind {
  let waiting = new Map<string, SessionChange>();
  let scheduled = false;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const queue = createGroupQueue<undefined, undefined>({
    maxGroup: Infinity,
    maxWaiting: Infinity,
    async commit() {
      await endOfTurn();
      scheduled = false;
      if (waiting.size === 0) return [];
      const changes = waiting;
      waiting = new Map();
      try {
        // What makes room comes first.
        const all = [...changes.values()];
        const removals = all.filter((change) => 'remove' in change);
        await options.commit([...removals, ...all.filter((change) => 'put' in change)]);
      } catch (error) {
        const newer = waiting;
        waiting = changes;
        for (const [key, change] of newer) note(waiting, key, change);
        options.onFailure(error);
        tryAgain();
        throw error;
      }
      return [];
    },
  });
  const flush = async (): Promise<void> => {
    await queue.add(undefined, 0);
  };
  const flushSoon = (): void => {
    if (scheduled) return;
    scheduled = true;
    flush().catch(() => undefined);
  };
  const tryAgain = (): void => {
    retry ??= setTimeout(() => {
      retry = undefined;
      flushSoon();
    }, retryMs).unref();
  };

  return {
    put(table, row) {
      note(waiting, keyOf(table, row), { table, put: row } as SessionChange);
      flushSoon();
    },
    remove(table, key) {
      note(waiting, keyOf(table, key), { table, remove: key } as SessionChange);
      flushSoon();
    },
    flushed: flush,
    async written() {
      while (!closed) {
        const isWritten = await flush().then(
          () => true,
          () => false,
        );
        if (isWritten) return;
        await later();
      }
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await flush().catch(() => undefined);
      await queue.close();
    },
  };
}

const later = (): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, retryMs).unref());
const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function keyOf(table: SessionTable, row: object): string {
  const values = row as Record<string, unknown>;
  return [table, ...tableShapes[table].key.map((column) => values[column])].join('\u0000');
}

function note(changes: Map<string, SessionChange>, key: string, change: SessionChange): void {
  const earlier = changes.get(key);
  // A queued message is never put twice: if it is gone before it was written, there is nothing to write.
  const cameAndWent =
    change.table === 'queued' && 'remove' in change && earlier && 'put' in earlier;
  if (cameAndWent) changes.delete(key);
  else changes.set(key, change);
}
