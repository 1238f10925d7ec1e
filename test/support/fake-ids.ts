import { createHash } from 'node:crypto';
import type { Ids } from '../../nodes/core/ids.ts';

/** Ids that count up, so that tests can name them; hashes are real. */
export function createFakeIds(): Ids {
  let last = 0;
  const next = (): string => String(++last).padStart(12, '0');
  return {
    uuid: () => `00000000-0000-4000-8000-${next()}`,
    secret: (prefix) => `${prefix}_${next()}`,
    hash: (secret) => createHash('sha256').update(secret).digest('hex'),
  };
}
