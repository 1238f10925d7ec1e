import { isDamage } from '../open-database.ts';
import { serveCalls } from '../worker-port.ts';
import { openSessionFile, type SessionFile, type StoredSessions } from './session-file.ts';
import type { SessionChange } from './session-rows.ts';

// A type and not an interface, because only that fits an index signature.
export type SessionOperations = {
  /** `quarantined` is where a damaged file went. */
  open: {
    request: { file: string; maxBytes: number };
    answer: { stored: StoredSessions; quarantined?: string };
  };
  /** `damage` says why nothing was written, and nothing more can be. */
  commit: { request: SessionChange[]; answer: { damage?: string } };
  close: { request: undefined; answer: undefined };
};

let opened: SessionFile | undefined;

serveCalls<SessionOperations>({
  open({ file, maxBytes }) {
    const { opened: one, ...rest } = openSessionFile(file, maxBytes, Date.now());
    opened = one.file;
    return { value: { stored: one.stored, ...rest } };
  },
  commit(changes) {
    if (!opened) throw new Error('the file is not open');
    try {
      opened.commit(changes);
    } catch (error) {
      if (isDamage(error)) return { value: { damage: (error as Error).message } };
      throw error;
    }
    return { value: {} };
  },
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
