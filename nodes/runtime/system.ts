import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Ids } from '../core/ids.ts';

/** The real clock. Its timers keep no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Real randomness. Keys carry 256 bits, so a plain SHA-256 of them cannot be guessed back. */
export const systemIds: Ids = {
  uuid: () => randomUUID(),
  secret: (prefix) => `${prefix}_${randomBytes(32).toString('base64url')}`,
  hash: (secret) => hash('sha256', secret),
};
