import { TookTooLong } from './influx-http.ts';

/** Longer than this is not cheap any more (ms). */
const limitMs = 1_000;

/**
 * Counts as long as counting is quick; once it was not, the number stays unknown.
 * @param count undefined where that would take too much
 */
export function createCounter(
  count: (limitMs: number) => Promise<number | undefined>,
): () => Promise<number | undefined> {
  let isCheap = true;
  return async () => {
    if (!isCheap) return undefined;
    try {
      return await count(limitMs);
    } catch (error) {
      if (!(error instanceof TookTooLong)) throw error;
      isCheap = false;
      return undefined;
    }
  };
}
