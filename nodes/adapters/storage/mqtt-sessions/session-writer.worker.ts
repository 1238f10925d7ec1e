import { serveCalls } from '../worker-port.ts';
import { createSessionFile, type SessionFile } from './session-file.ts';
import { tableShapes, type SessionChange, type SessionRows } from './session-rows.ts';

/** All that a file holds. */
export type StoredSessions = { [Table in keyof SessionRows]: SessionRows[Table][] };

// A type and not an interface, because only that fits an index signature.
export type SessionOperations = {
  open: { request: { file: string; maxBytes: number }; answer: StoredSessions };
  commit: { request: SessionChange[]; answer: undefined };
  close: { request: undefined; answer: undefined };
};

let opened: SessionFile | undefined;

serveCalls<SessionOperations>({
  open({ file, maxBytes }) {
    const sessions = createSessionFile(file, maxBytes);
    opened = sessions;
    const tables = Object.keys(tableShapes) as (keyof SessionRows)[];
    return {
      value: Object.fromEntries(
        tables.map((table) => [table, sessions.all(table)]),
      ) as StoredSessions,
    };
  },
  commit(changes) {
    if (!opened) throw new Error('the file is not open');
    opened.commit(changes);
    return { value: undefined };
  },
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
