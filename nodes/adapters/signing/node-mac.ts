import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Mac } from '../../core/security/ports.ts';

/** HMAC-SHA256 of node:crypto. */
export const nodeMac: Mac = {
  of: (key, text) =>
    createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64'),
  same(one, other) {
    const [a, b] = [Buffer.from(one), Buffer.from(other)];
    return a.length === b.length && timingSafeEqual(a, b);
  },
  newKey: () => randomBytes(32).toString('base64'),
};
