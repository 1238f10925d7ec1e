import type { CopyOperations } from './copy-database.worker.ts';
import { createWorkerHost, workerUrl, type StartThread } from './worker-host.ts';

/**
 * Copies a database as it is now to a new file, in a thread of its own, so that reading and writing go on meanwhile.
 * @throws Error when there is such a file already, or no room
 */
export async function copyDatabase(
  from: string,
  to: string,
  startThread?: StartThread,
): Promise<void> {
  const url = workerUrl('copy-database.worker', import.meta.url);
  const copier = createWorkerHost<CopyOperations>(url, startThread);
  try {
    await copier.call('copy', { from, to });
  } finally {
    await copier.stop();
  }
}
