import { DatabaseSync } from 'node:sqlite';
import { serveCalls } from './worker-port.ts';

// A type and not an interface, because only that fits an index signature.
export type CopyOperations = {
  copy: { request: { from: string; to: string }; answer: undefined };
};

serveCalls<CopyOperations>({
  copy({ from, to }) {
    const db = new DatabaseSync(from, { readOnly: true });
    try {
      db.exec('PRAGMA busy_timeout = 10000');
      db.prepare('VACUUM INTO ?').run(to);
    } finally {
      db.close();
    }
    return { value: undefined };
  },
});
