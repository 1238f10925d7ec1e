import { createWorkerHost, workerUrl, type StartThread } from '../worker-host.ts';
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
 * Keeps MQTT sessions in one SQLite file, written by a thread of its own.
 * @param options `maxBytes` is what the file may grow to; `onCommit` is told how many changes each commit carried,
 *   `onFailure` why one failed; `startThread` runs the worker file
 * @throws Error that says what is wrong with the file
 */
export async function openSessionStorage(options: {
  file: string;
  maxBytes: number;
  onFailure: (error: unknown) => void;
  onCommit?: ((changes: number) => void) | undefined;
  startThread?: StartThread | undefined;
}): Promise<SessionStorage> {
  const { file, maxBytes, onCommit, onFailure, startThread } = options;
  const url = workerUrl('session-writer.worker', import.meta.url);
  const worker = createWorkerHost<SessionOperations>(url, startThread);
  let opened: SessionOperations['open']['answer'];
  try {
    opened = await worker.call('open', { file, maxBytes });
  } catch (error) {
    await worker.stop();
    throw error;
  }
  const changes = createWriteBehind({
    async commit(batch) {
      await worker.call('commit', batch);
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
        try {
          if (!worker.failure()) await worker.call('close', undefined);
        } finally {
          await worker.stop();
        }
      },
    },
  };
}
