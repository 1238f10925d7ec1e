import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';

/** Joins what is asked for while a commit is under way into the next one, so that many share one fsync. */
export interface GroupQueue<T, R> {
  /**
   * Resolves with the item's own result once its group is committed.
   * @throws RpcError -32006 when too much is waiting
   */
  add(item: T, weight: number): Promise<R>;
  /** Weight of what waits for the commit under way to end. */
  waiting(): number;
  /** Takes no more, and resolves once all that was added is committed or failed. */
  close(): Promise<void>;
}

interface Entry<T, R> {
  item: T;
  weight: number;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

/**
 * @param options `commit` gets the items in their order and answers with their results in the same order, or fails
 *   for all of them; a group ends at `maxGroup`, waiting items at `maxWaiting`; an item that is `alone` shares no group
 */
export function createGroupQueue<T, R>(options: {
  maxGroup: number;
  maxWaiting: number;
  commit: (items: T[]) => Promise<R[]>;
  alone?: (item: T) => boolean;
}): GroupQueue<T, R> {
  const { maxGroup, maxWaiting, commit, alone = () => false } = options;
  let queue: Entry<T, R>[] = [];
  let waiting = 0;
  let running: Promise<void> | undefined;
  let closed = false;

  const takeGroup = (): Entry<T, R>[] => {
    let weight = 0;
    let length = 0;
    for (const entry of queue) {
      const single = alone(entry.item);
      if (length > 0 && (single || weight + entry.weight > maxGroup)) break;
      weight += entry.weight;
      length += 1;
      if (single) break;
    }
    const group = queue.slice(0, length);
    queue = queue.slice(length);
    waiting -= weight;
    return group;
  };
  const run = async (): Promise<void> => {
    // Calls made in the same turn belong to the first group already.
    await Promise.resolve();
    while (queue.length > 0) {
      const group = takeGroup();
      try {
        const results = await commit(group.map(({ item }) => item));
        group.forEach(({ resolve }, index) => resolve(results[index] as R));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    running = undefined;
  };

  return {
    add: (item, weight) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new Error('the store is closed'));
        } else if (queue.length > 0 && waiting + weight > maxWaiting) {
          reject(
            new RpcError(
              ErrorCode.ResourceExhausted,
              `the store is behind: ${waiting} items wait to be written; send again later or more slowly`,
              { waiting, max: maxWaiting },
            ),
          );
        } else {
          queue.push({ item, weight, resolve, reject });
          waiting += weight;
          running ??= run();
        }
      }),
    waiting: () => waiting,
    async close() {
      closed = true;
      await running;
    },
  };
}
