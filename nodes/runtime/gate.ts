import type { Clock } from '../core/clock.ts';
import type { Dispatcher } from '../core/rpc/types.ts';

/** Keeps calls waiting while a deploy exchanges the nodes that would answer them. */
export interface Gate {
  shut(): void;
  open(): void;
  /** Resolves at once, or when the nodes are there again. */
  whenOpen(): Promise<void>;
}

/**
 * Puts a gate before a dispatcher. While it is shut calls wait; after `patienceMs` it opens by itself, so that a
 * flow that does not come back is answered for what it is: without methods.
 */
export function createGate(
  dispatcher: Dispatcher,
  clock: Clock,
  patienceMs: number,
): { gate: Gate; dispatcher: Dispatcher } {
  let waiting: PromiseWithResolvers<undefined> | undefined;
  let cancelPatience: (() => void) | undefined;

  const open = (): void => {
    cancelPatience?.();
    cancelPatience = undefined;
    waiting?.resolve(undefined);
    waiting = undefined;
  };
  return {
    gate: {
      shut() {
        waiting ??= Promise.withResolvers<undefined>();
        cancelPatience ??= clock.after(patienceMs, open);
      },
      open,
      whenOpen: async () => {
        await waiting?.promise;
      },
    },
    dispatcher: {
      ...dispatcher,
      handle: (body, context, via) =>
        waiting
          ? waiting.promise.then(() => dispatcher.handle(body, context, via))
          : dispatcher.handle(body, context, via),
      close() {
        open();
        dispatcher.close();
      },
    },
  };
}
