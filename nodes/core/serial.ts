/** Runs what has the same key one after the other, in the order of the calls. */
export type Serially = <T>(key: string, work: () => Promise<T>) => Promise<T>;

export function createSerially(): Serially {
  const tails = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const before = tails.get(key);
    const run = before ? before.then(work, work) : work();
    tails.set(key, run);
    const forget = (): void => {
      if (tails.get(key) === run) tails.delete(key);
    };
    run.then(forget, forget);
    return run;
  };
}
