import type { RecordKind, RecordStore } from '../../nodes/core/records.ts';

export interface MemoryRecords extends RecordStore {
  /** A copy of one stored document. */
  peek(kind: RecordKind, id: string): Record<string, unknown> | undefined;
  count(kind: RecordKind): number;
  /** Documents written since the start. */
  writes(): number;
  /** Lets every write from now on fail with this error; undefined repairs it. */
  failWith(error: Error | undefined): void;
}

/** A record store in memory that answers in a later turn and keeps copies, as a durable one does. */
export function createMemoryRecords(): MemoryRecords {
  const kinds = new Map<RecordKind, Map<string, string>>();
  let failure: Error | undefined;
  let written = 0;
  const documents = (kind: RecordKind): Map<string, string> => {
    let found = kinds.get(kind);
    if (!found) kinds.set(kind, (found = new Map()));
    return found;
  };
  const commit = async (): Promise<void> => {
    await Promise.resolve();
    if (failure) throw failure;
  };
  return {
    backup: () => Promise.reject(new Error('memory has no file to copy')),
    all: async <T>(kind: RecordKind) => {
      await commit();
      return [...documents(kind).values()].map((text) => JSON.parse(text) as T);
    },
    async put(kind, id, record) {
      const text = JSON.stringify(record);
      await commit();
      written += 1;
      documents(kind).set(id, text);
    },
    async remove(kind, id) {
      await commit();
      documents(kind).delete(id);
    },
    close: () => Promise.resolve(),
    peek: (kind, id) => {
      const text = documents(kind).get(id);
      return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
    },
    count: (kind) => documents(kind).size,
    writes: () => written,
    failWith: (error) => {
      failure = error;
    },
  };
}
