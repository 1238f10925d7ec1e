/**
 * Node-RED stops its flows the moment a signal comes, and drops what is on their wires. Here its own listeners are
 * called a little later: once everything that must be finished first is, or `patienceMs` have passed. A second signal
 * does not wait.
 */
export interface StopSignals {
  /** Something to finish before the process stops; the answer takes it off the list. */
  beforeStop(finish: () => Promise<void>): () => void;
  /** Puts itself before the listeners that are there now; to be called again when others may have come. */
  takeOver(): void;
  /** Whether a signal has come. */
  stopping(): boolean;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

export function createStopSignals(
  process: Pick<NodeJS.Process, 'listeners' | 'on' | 'removeAllListeners'>,
  patienceMs: number,
): StopSignals {
  const finishers = new Set<() => Promise<void>>();
  const behind = new Map<string, ((...args: unknown[]) => void)[]>();
  let finishing: Promise<void> | undefined;

  const finishAll = async (): Promise<void> => {
    const patience = new Promise<void>((resolve) => setTimeout(resolve, patienceMs).unref());
    const all = Promise.allSettled([...finishers].map((finish) => finish()));
    await Promise.race([all, patience]);
  };
  const listener = (signal: NodeJS.Signals, number: number): void => {
    const goOn = (): void => {
      for (const other of behind.get(signal) ?? []) other.call(process, signal, number);
    };
    if (finishing) {
      goOn();
      return;
    }
    finishing = finishAll();
    void finishing.then(goOn);
  };

  return {
    beforeStop(finish) {
      finishers.add(finish);
      return () => finishers.delete(finish);
    },
    takeOver() {
      for (const signal of signals) {
        const others = process.listeners(signal).filter((one) => one !== listener);
        if (others.length === 0) continue;
        behind.set(signal, [...(behind.get(signal) ?? []), ...(others as (() => void)[])]);
        process.removeAllListeners(signal);
        process.on(signal, listener);
      }
    },
    stopping: () => finishing !== undefined,
  };
}
