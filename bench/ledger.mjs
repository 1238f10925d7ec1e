// Whether all adds up: what was sent, what the hub says became of it, and what is in its file.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { createRpcClient } from './rpc-client.mjs';

const patienceMs = 60_000;

/**
 * What the hub's ledger says of one transport. `lost` is all that was received and not stored.
 * @typedef {{ received: number, stored: number, inFlight: number, lost: Record<string, number> }} Account
 */

/**
 * Waits until the hub has received everything and has nothing in flight.
 * @param {import('./hub.mjs').Hub} hub @param {string} transport @param {number} sent readings
 * @returns {Promise<Account>}
 * @throws Error when the ledger does not add up, at any moment, or `sent` is not reached
 */
export async function settledAccount({ url, adminKey }, transport, sent) {
  const client = createRpcClient(url, adminKey);
  try {
    let seen = NaN;
    for (let deadline = performance.now() + patienceMs; performance.now() < deadline;) {
      const { telemetry } = await client.call('hub.info');
      const account = accountOf(telemetry.readings[transport]);
      assertBalance(account);
      if (account.received === sent && account.inFlight === 0) return account;
      // As long as it goes on, there is no hurry.
      if (account.received !== seen) deadline = performance.now() + patienceMs;
      seen = account.received;
      await pause(50);
    }
    throw new Error(`${sent} readings were sent over ${transport}, the hub received ${seen}`);
  } finally {
    client.close();
  }
}

/**
 * Follows how many readings of a transport are stored, by the hub's ledger, until told to stop.
 * @param {import('./hub.mjs').Hub} hub @param {string} transport
 * @returns {{ stop(): Promise<{ ms: number, stored: number }[]> }} times since the begin
 */
export function watchStored({ url, adminKey }, transport) {
  const client = createRpcClient(url, adminKey);
  const begin = performance.now();
  /** @type {{ ms: number, stored: number }[]} */
  const samples = [];
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const { telemetry } = await client.call('hub.info');
      const { stored } = accountOf(telemetry.readings[transport]);
      samples.push({ ms: performance.now() - begin, stored });
      await pause(500);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      client.close();
      return samples;
    },
  };
}

/** @param {any} account as in `hub.info` @returns {Account} */
function accountOf(account = {}) {
  const { received = 0, stored = 0, in_flight: inFlight = 0, ...rest } = account;
  return { received, stored, inFlight, lost: Object.assign({}, ...Object.entries(rest).map(flat)) };
}

/**
 * Some causes have a number, others one for each of their kinds.
 * @param {[string, number | Record<string, number>]} entry @returns {Record<string, number>}
 */
const flat = ([cause, value]) =>
  typeof value === 'number'
    ? { [cause]: value }
    : Object.fromEntries(Object.entries(value).map(([kind, one]) => [`${cause} ${kind}`, one]));

/** @param {Account} account */
function assertBalance({ received, stored, inFlight, lost }) {
  const sum = stored + inFlight + Object.values(lost).reduce((total, one) => total + one, 0);
  if (sum !== received)
    throw new Error(`the ledger does not add up: ${received} received, ${sum} accounted for`);
}

/** How many were lost, and by which causes. @param {Account} account */
export function describeLost({ lost }) {
  const causes = Object.entries(lost).filter(([, count]) => count > 0);
  if (causes.length === 0) return 'none';
  return causes.map(([cause, count]) => `${count.toLocaleString('en')} ${cause}`).join(', ');
}

/**
 * Counts in the file itself, not by what the hub says. The store brings what is in it to its place first, as it does
 * whenever a hub starts.
 * @param {string} dataDir of a hub that does not run any more
 */
export async function countReadings(dataDir) {
  const { createSqliteTelemetryStore } =
    await import('../dist/adapters/storage/sqlite/sqlite-telemetry-store.js');
  const file = join(dataDir, 'telemetry.db');
  await (await createSqliteTelemetryStore({ file })).close();
  const db = new DatabaseSync(file, { readOnly: true });
  const row = db.prepare('SELECT count(*) AS readings FROM readings').get();
  db.close();
  return Number(row?.readings);
}

/**
 * @param {string} what @param {number} expected @param {number} found
 * @throws Error when they differ
 */
export function assertSame(what, expected, found) {
  if (expected !== found) throw new Error(`${what}: ${expected} expected, ${found} found`);
}
