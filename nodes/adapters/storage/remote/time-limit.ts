import type { Clock } from '../../../core/clock.ts';

/** What became of a call when its time was over. */
export type InTime<T> = { value: T } | 'late';

/** Waits for a call no longer than this (ms); the call itself goes on. Rejects when the call does so in time. */
export async function within<T>(clock: Clock, ms: number, call: Promise<T>): Promise<InTime<T>> {
  let cancel: (() => void) | undefined;
  const limit = new Promise<'late'>((resolve) => {
    cancel = clock.after(ms, () => resolve('late'));
  });
  try {
    return await Promise.race([call.then((value) => ({ value })), limit]);
  } finally {
    cancel?.();
  }
}
