import { DatabaseSync } from 'node:sqlite';
import { until } from './until.ts';

/** Looks into the file of a SQLite telemetry store while the store has it open. */
export function inTelemetryFile<T>(file: string, look: (count: (table: string) => number) => T): T {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return look((table) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']));
  } finally {
    db.close();
  }
}

/** Waits until all readings are in their place and all rollups are made. */
export async function untilRolledUp(file: string): Promise<void> {
  await until(
    'all readings are rolled up',
    () => inTelemetryFile(file, (count) => count('hot') + count('stale') === 0),
    20_000,
  );
}
