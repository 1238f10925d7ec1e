// Whether what the hub counted adds up, looked at again and again while it works.
import { setTimeout as pause } from 'node:timers/promises';
import { createHttpClient } from './rpc-reporter.mjs';

const everyMs = 500;

/** @typedef {Record<string, Record<string, number | Record<string, number>>>} Accounts by transport */

/** @param {Pick<import('./site.mjs').Hub, 'url' | 'adminKey'>} hub @returns {Promise<Accounts>} */
export async function readLedger({ url, adminKey }) {
  const { telemetry } = await createHttpClient(url, adminKey).call('hub.info', {});
  return telemetry.readings;
}

/** All of one kind, such as `received` or `rejected`, over all transports. @param {Accounts} accounts @param {string} kind */
export const totalOf = (accounts, kind) =>
  Object.values(accounts).reduce((sum, account) => sum + sumOf(account[kind] ?? 0), 0);

/** @param {number | Record<string, number>} entry by cause, or not */
const sumOf = (entry) =>
  typeof entry === 'number' ? entry : Object.values(entry).reduce((sum, count) => sum + count, 0);

/** `received` is the sum of all the rest, in each account. @param {Accounts} accounts */
export const addsUp = (accounts) =>
  Object.values(accounts).every(({ received, ...rest }) => {
    const became = Object.values(rest).reduce(
      (/** @type {number} */ sum, one) => sum + sumOf(one),
      0,
    );
    return received === became;
  });

/**
 * Reads the ledger again and again until it is stopped.
 * @param {import('./site.mjs').Site} site
 */
export function watchLedger(site) {
  /** @type {{ readings: number, offBalance: number, last: Accounts | undefined }} */
  const found = { readings: 0, offBalance: 0, last: undefined };
  let stopped = false;
  const look = async () => {
    const accounts = await readLedger(site.hub).catch(() => undefined); // while no hub answers
    if (!accounts) return;
    found.readings += 1;
    found.last = accounts;
    if (!addsUp(accounts)) found.offBalance += 1;
  };
  const watching = (async () => {
    while (!stopped) {
      await look();
      await pause(everyMs);
    }
  })();
  return {
    /** Waits until nothing is in flight any more, if a hub runs, and looks a last time. */
    async stop() {
      stopped = true;
      await watching;
      const deadline = performance.now() + 15_000;
      do await look();
      while (
        site.runs() &&
        performance.now() < deadline &&
        (!found.last || totalOf(found.last, 'in_flight') > 0)
      );
      return found;
    },
  };
}
