import type { Log } from '../../core/log.ts';
import type { RecordStore } from '../../core/records.ts';
import { copyDatabase } from './copy-database.ts';
import { createGroupQueue } from './group-queue.ts';
import type { RecordChange } from './record-file.ts';
import type { RecordOperations } from './sqlite-record-writer.worker.ts';
import { createWorkerHost, workerUrl, type StartThread } from './worker-host.ts';

/** Documents of one commit, and of what may wait for the next. */
const maxGroup = 10_000;
const maxWaiting = 100_000;

/**
 * Keeps the hub's documents in one SQLite file, written by a thread of its own; changes made close together share one
 * commit. A damaged file is put aside and said to `log`; what can be read of it is taken over.
 * @param options `onCommit` is told how many changes each commit carried; `startThread` runs the worker file
 * @throws Error that says what is wrong with the file
 */
export async function createSqliteRecordStore(options: {
  file: string;
  log?: Log;
  onCommit?: (changes: number) => void;
  startThread?: StartThread;
}): Promise<RecordStore> {
  const { file, log, onCommit, startThread } = options;
  const url = workerUrl('sqlite-record-writer.worker', import.meta.url);
  const worker = createWorkerHost<RecordOperations>(url, startThread);
  const queue = createGroupQueue<RecordChange, undefined>({
    maxGroup,
    maxWaiting,
    async commit(changes) {
      await worker.call('commit', changes);
      onCommit?.(changes.length);
      return [];
    },
  });
  let lastChange: Promise<unknown> = Promise.resolve();
  const change = async (one: RecordChange): Promise<void> => {
    const committed = queue.add(one, 1);
    lastChange = committed.catch(() => undefined);
    await committed;
  };

  try {
    const note = await worker.call('open', file);
    if (note !== undefined) log?.error(`${file}: ${note}`);
  } catch (error) {
    await worker.stop();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await queue.close();
    try {
      if (!worker.failure()) await worker.call('close', undefined);
    } finally {
      await worker.stop();
    }
  };

  return {
    async all<T>(kind: string) {
      // A caller finds what it has put, even before it is told that this is durable.
      await lastChange;
      const texts = await worker.call('all', kind);
      return texts.map((text) => JSON.parse(text) as T);
    },
    put: (kind, id, record) => change({ kind, id, text: JSON.stringify(record) }),
    remove: (kind, id) => change({ kind, id }),
    async backup(copy) {
      await lastChange;
      await copyDatabase(file, copy);
    },
    close: () => (closing ??= close()),
  };
}
