import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';

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
    const start = performance.now();
    try {
      return await count(limitMs);
    } catch (error) {
      if (!(error instanceof RemoteUnavailable) || performance.now() - start < limitMs) throw error;
      isCheap = false;
      return undefined;
    }
  };
}
