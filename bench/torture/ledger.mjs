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

/** Readings that were taken and are not stored, by transport and cause. @param {Accounts} accounts */
const lostOf = (accounts) =>
  Object.fromEntries(
    Object.entries(accounts).flatMap(([transport, account]) =>
      Object.entries(account).flatMap(([kind, entry]) =>
        typeof entry === 'number'
          ? kind === 'filtered' && entry > 0
            ? [[`${transport} ${kind}`, entry]]
            : []
          : Object.entries(entry).map(([cause, count]) => [`${transport} ${kind} ${cause}`, count]),
      ),
    ),
  );

/**
 * @typedef {object} LedgerBooks
 * @property {number} readings how often it was read
 * @property {number} offBalance of these, how often it did not add up
 * @property {Record<string, number>} lost readings that were taken and are not stored, by transport and cause; the most
 *   that any hub told
 * @property {Accounts | undefined} last
 */

/**
 * Reads the ledger again and again until it is stopped.
 * @param {import('./site.mjs').Site} site
 */
export function watchLedger(site) {
  /** @type {LedgerBooks} */
  const found = { readings: 0, offBalance: 0, lost: {}, last: undefined };
  let stopped = false;
  const look = async () => {
    const accounts = await readLedger(site.hub).catch(() => undefined); // while no hub answers
    if (!accounts) return;
    found.readings += 1;
    found.last = accounts;
    if (!addsUp(accounts)) found.offBalance += 1;
    for (const [cause, count] of Object.entries(lostOf(accounts)))
      found.lost[cause] = Math.max(found.lost[cause] ?? 0, count);
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
