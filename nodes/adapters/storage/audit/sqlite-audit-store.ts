import type { AuditStore } from '../../../core/security/audit-log.ts';
import { copyDatabase } from '../copy-database.ts';
import { createWorkerHost, workerUrl, type StartThread } from '../worker-host.ts';
import type { AuditOperations } from './audit-writer.worker.ts';

/**
 * Keeps the audit log in one SQLite file, written by a thread of its own.
 * @returns the store, and what was wrong with the file if it was damaged and put aside
 * @throws Error that says what is wrong with the file
 */
export async function openSqliteAuditStore(options: {
  file: string;
  startThread?: StartThread;
}): Promise<{ store: AuditStore; note: string | undefined }> {
  const { file, startThread } = options;
  const url = workerUrl('audit-writer.worker', import.meta.url);
  const worker = createWorkerHost<AuditOperations>(url, startThread);
  let note: string | undefined;
  try {
    note = await worker.call('open', file);
  } catch (error) {
    await worker.stop();
    throw error;
  }
  const store: AuditStore = {
    append: (events) => worker.call('append', events),
    query: (query) => worker.call('query', query),
    prune: (before, maxBytes) => worker.call('prune', { before, maxBytes }),
    backup: (copy) => copyDatabase(file, copy),
    async close() {
      try {
        if (!worker.failure()) await worker.call('close', undefined);
      } finally {
        await worker.stop();
      }
    },
  };
  return { store, note };
}
