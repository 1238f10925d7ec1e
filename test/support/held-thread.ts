import { Worker } from 'node:worker_threads';
import type { StartThread } from '../../nodes/adapters/storage/worker-host.ts';

/** A storage thread that can be made to wait, as a slow disk would. */
export interface HeldThread {
  startThread: StartThread;
  /** From now on the thread gets nothing to do; the answer lets it work again. */
  hold(): () => void;
  /** Ends the thread, as a crash in it would. */
  crash(): Promise<void>;
}

export function heldThread(): HeldThread {
  const waiting: (() => void)[] = [];
  let held = false;
  let last: Worker | undefined;
  return {
    startThread(url) {
      const worker = (last = new Worker(url));
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (message: unknown) => {
        if (held) waiting.push(() => post(message));
        else post(message);
      };
      return worker;
    },
    async crash() {
      await last?.terminate();
    },
    hold() {
      held = true;
      return () => {
        held = false;
        for (const release of waiting.splice(0)) release();
      };
    },
  };
}
