// Another program that holds the telemetry database, as a backup or a curious shell may.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Keeps the hub from writing for a while; reading is not held up.
 * @param {string} dataDir @param {number} ms
 */
export async function lockFor(dataDir, ms) {
  const db = new DatabaseSync(join(dataDir, 'telemetry.db'), { timeout: 5_000 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    await pause(ms);
    db.exec('ROLLBACK');
  } finally {
    db.close();
  }
}
