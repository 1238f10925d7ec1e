import type { Clock } from '../clock.ts';
import type { Principal } from './types.ts';

/** Looks at the time of day so often, as it may be set meanwhile; and timers take no longer times than about 24 days. */
const longestWaitMs = 60_000;

/**
 * Calls `fn` once when what the principal showed has expired, at once if it has already; never for what does not expire.
 * The answer cancels it.
 */
export function atExpiry(
  { expires_at: expiresAt }: Principal,
  clock: Clock,
  fn: () => void,
): () => void {
  if (expiresAt === undefined) return () => undefined;
  const end = Date.parse(expiresAt);
  let cancel: () => void;
  const wait = (): void => {
    const left = end - clock.now();
    if (left <= 0) fn();
    else cancel = clock.after(Math.min(left, longestWaitMs), wait);
  };
  cancel = clock.after(0, wait);
  return () => cancel();
}
