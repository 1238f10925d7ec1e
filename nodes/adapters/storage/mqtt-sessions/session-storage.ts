import { createWorkerHost, workerUrl, type StartThread, type WorkerHost } from '../worker-host.ts';
import type { StoredSessions } from './session-file.ts';
import type { SessionOperations } from './session-writer.worker.ts';
import { createWriteBehind, type WriteBehind } from './write-behind.ts';

/** The sessions on disk: what was there when the file was opened, and what changes. */
export interface SessionStorage {
  stored: StoredSessions;
  /** Where the file went, as it was damaged; a new one was begun. */
  quarantined?: string;
  changes: WriteBehind;
}

/**
 * Keeps MQTT sessions in one SQLite file, written by a thread of its own. When the file turns out to be damaged or the
 * thread ends, the file is opened again.
 * @param options `maxBytes` is what the file may grow to; `onCommit` is told how many changes each commit carried,
 *   `onFailure` why one failed; after `onReopened` all there is has to be put again; `startThread` runs the worker file
 * @throws Error that says what is wrong with the file
 */
export async function openSessionStorage(options: {
  file: string;
  maxBytes: number;
  onFailure: (error: unknown) => void;
  onReopened: (why: string, quarantined: string | undefined) => void;
  onCommit?: ((changes: number) => void) | undefined;
  startThread?: StartThread | undefined;
}): Promise<SessionStorage> {
  const { file, maxBytes, onCommit, onFailure, startThread } = options;
  let worker = startWorker(startThread);
  let opened: SessionOperations['open']['answer'];
  try {
    opened = await worker.call('open', { file, maxBytes });
  } catch (error) {
    await worker.stop();
    throw error;
  }
  const close = async (): Promise<void> => {
    try {
      if (!worker.failure()) await worker.call('close', undefined);
    } finally {
      await worker.stop();
    }
  };
  let lost: string | undefined;
  const reopen = async (why: string): Promise<void> => {
    lost = why;
    await close().catch(() => undefined);
    worker = startWorker(startThread);
    const { quarantined } = await worker.call('open', { file, maxBytes });
    lost = undefined;
    options.onReopened(why, quarantined);
  };
  const changes = createWriteBehind({
    async commit(batch) {
      const why = lost ?? worker.failure()?.message;
      if (why !== undefined) await reopen(why);
      const { damage } = await worker.call('commit', batch);
      if (damage !== undefined) {
        await reopen(damage);
        throw new Error(damage);
      }
      onCommit?.(batch.length);
    },
    onFailure,
  });

  return {
    ...opened,
    changes: {
      ...changes,
      async close() {
        await changes.close();
        await close();
      },
    },
  };
}

const startWorker = (startThread: StartThread | undefined): WorkerHost<SessionOperations> =>
  createWorkerHost(workerUrl('session-writer.worker', import.meta.url), startThread);
