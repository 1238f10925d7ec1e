// What waits for a store elsewhere.
import { setTimeout as pause } from 'node:timers/promises';
import { createHttpClient } from './rpc-reporter.mjs';

/** @param {import('./site.mjs').Hub} hub @returns {Promise<{ readings: number, bytes: number, refused: number }>} */
export async function spoolOf({ url, adminKey }) {
  const { telemetry } = await createHttpClient(url, adminKey).call('hub.info', {});
  return telemetry.store.spool;
}

/**
 * Waits until nothing waits any more.
 * @param {import('./site.mjs').Hub} hub @param {number} mostMs
 * @returns {Promise<number | undefined>} how long that took in milliseconds; undefined if it took longer than that
 */
export async function untilDelivered(hub, mostMs) {
  const before = performance.now();
  while (performance.now() - before < mostMs) {
    const spool = await spoolOf(hub).catch(() => undefined);
    if (spool?.readings === 0) return performance.now() - before;
    await pause(200);
  }
  return undefined;
}
