import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { OpenQuota } from '../../core/security/quota.ts';

/** Quotas in the memory of this process; nothing is left of them after a restart. */
export const openMemoryQuota: OpenQuota = ({ points, seconds, maxKeys = 100_000 }) => {
  const limiter = new RateLimiterMemory({ points, duration: seconds });
  /** In the order in which their times began. */
  const keys = new Set<string>();

  const begin = (key: string): void => {
    keys.delete(key);
    keys.add(key);
    if (keys.size <= maxKeys) return;
    for (const oldest of keys) {
      keys.delete(oldest);
      void limiter.delete(oldest);
      break;
    }
  };

  return {
    async take(key, wanted = 1) {
      try {
        const { isFirstInDuration } = await limiter.consume(key, wanted);
        if (isFirstInDuration) begin(key);
        return 0;
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        if (refusal.isFirstInDuration) begin(key);
        return Math.max(1, refusal.msBeforeNext);
      }
    },
  };
};
