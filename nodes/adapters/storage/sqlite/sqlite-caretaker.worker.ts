import { serveCalls } from '../worker-port.ts';
import { beginCheck } from './file-check.ts';
import { beginCopy } from './file-copy.ts';

// A type and not an interface, because only that fits an index signature.
export type CaretakerOperations = {
  beginCopy: { request: { file: string; copy: string }; answer: undefined };
  beginCheck: { request: string; answer: undefined };
  /** Does the next part of what was begun; false when it is done. */
  step: { request: undefined; answer: boolean };
  /** Ends what was begun; an unfinished copy is deleted. */
  end: { request: undefined; answer: undefined };
};

let work: { step: () => boolean; end: () => void } | undefined;

serveCalls<CaretakerOperations>({
  beginCopy({ file, copy }) {
    const begun = beginCopy(file, copy);
    work = { step: () => begun.step(), end: () => begun.abandon() };
    return { value: undefined };
  },
  beginCheck(file) {
    const begun = beginCheck(file);
    work = { step: () => begun.step(), end: () => begun.close() };
    return { value: undefined };
  },
  step() {
    const isMore = work?.step() ?? false;
    if (!isMore) work = undefined;
    return { value: isMore };
  },
  end() {
    work?.end();
    work = undefined;
    return { value: undefined };
  },
});
