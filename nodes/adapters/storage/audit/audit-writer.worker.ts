import type { ChainRow } from '../../../core/security/audit-chain.ts';
import type { Pruned } from '../../../core/security/audit-log.ts';
import type { AuditQuery } from '../../../core/security/audit-query.ts';
import { serveCalls } from '../worker-port.ts';
import { openAuditFile, type AuditFile } from './audit-file.ts';

// A type and not an interface, because only that fits an index signature.
export type AuditOperations = {
  /** Answers what was wrong with the file, if it was damaged. */
  open: { request: string; answer: string | undefined };
  append: { request: readonly string[]; answer: undefined };
  query: { request: AuditQuery; answer: ChainRow[] };
  prune: { request: { before: string | undefined; maxBytes: number }; answer: Pruned };
  close: { request: undefined; answer: undefined };
};

let opened: AuditFile | undefined;
const file = (): AuditFile => {
  if (!opened) throw new Error('the file is not open');
  return opened;
};

serveCalls<AuditOperations>({
  open(path) {
    const { file: whole, note } = openAuditFile(path, Date.now());
    opened = whole;
    return { value: note };
  },
  append(events) {
    file().append(events);
    return { value: undefined };
  },
  query: (query) => ({ value: file().query(query) }),
  prune: ({ before, maxBytes }) => ({ value: file().prune(before, maxBytes) }),
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
