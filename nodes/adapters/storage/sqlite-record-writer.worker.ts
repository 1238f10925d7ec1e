import { openRecordFile, type RecordChange, type RecordFile } from './record-file.ts';
import { serveCalls } from './worker-port.ts';

// A type and not an interface, because only that fits an index signature.
export type RecordOperations = {
  /** Answers what was wrong with the file, if it was damaged. */
  open: { request: string; answer: string | undefined };
  all: { request: string; answer: string[] };
  commit: { request: RecordChange[]; answer: undefined };
  close: { request: undefined; answer: undefined };
};

let opened: RecordFile | undefined;
const file = (): RecordFile => {
  if (!opened) throw new Error('the file is not open');
  return opened;
};

serveCalls<RecordOperations>({
  open(path) {
    const { file: whole, note } = openRecordFile(path, Date.now());
    opened = whole;
    return { value: note };
  },
  all: (kind) => ({ value: file().all(kind) }),
  commit(changes) {
    file().commit(changes);
    return { value: undefined };
  },
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
