// What all faults have in common: devices report, something bad happens, and the books are compared in the end.
import { audit, storedInFile } from './audit.mjs';
import { watchCalls } from './calls.mjs';
import { watchLedger } from './ledger.mjs';
import { registerDevices, startReporters } from './reporters.mjs';
import { withSite } from './site.mjs';

/** @typedef {import('./reporters.mjs').GroupPlan} GroupPlan @typedef {import('./reporters.mjs').Reported} Reported */

/**
 * @template T
 * @typedef {object} TrialOptions
 * @property {import('./site.mjs').SiteOptions | import('./site.mjs').Site} [site] one that runs already is left running
 * @property {GroupPlan[]} [load] the devices that the fault is about
 * @property {GroupPlan[]} [others] devices that it is not about; their process does nothing else
 * @property {number} [drainMs] how long the devices wait for their last answers; 20,000 unless told
 * @property {(stage: Stage) => Promise<T>} happen the fault
 * @property {(site: import('./site.mjs').Site) => Promise<void>} [settled] waits until all is where it belongs, when
 *   the devices have ended
 * @property {number} [mqttPort] of a broker of its own
 * @property {(site: import('./site.mjs').Site) => Iterable<import('./audit.mjs').StoredReading>
 *   | Promise<Iterable<import('./audit.mjs').StoredReading>>} [stored] read when the last hub is gone
 */

/**
 * @typedef {object} Stage
 * @property {import('./site.mjs').Site} site
 * @property {(count: number) => Promise<import('./mqtt-raw.mjs').Device[]>} register more devices
 * @property {(journals: readonly import('./journal.mjs').Journal[]) => void} keep what else was sent
 */

/**
 * @template T
 * @typedef {object} Trial
 * @property {import('./audit.mjs').Audit} audit
 * @property {import('./ledger.mjs').LedgerBooks} ledger
 * @property {{ figures: import('../figures.mjs').Figures, unanswered: number }} calls of `rpc.methods` meanwhile
 * @property {number} peakRss
 * @property {Reported} load
 * @property {Reported | undefined} others
 * @property {T} happened
 */

/**
 * @template T
 * @param {TrialOptions<T>} options
 * @returns {Promise<Trial<T>>}
 */
export const trial = ({
  site: options = {},
  load,
  others,
  drainMs = 20_000,
  happen,
  settled,
  stored,
  mqttPort,
}) =>
  withSite(options, async (site) => {
    const start = (/** @type {GroupPlan[]} */ plans) =>
      startReporters(site, plans, { drainMs, mqttPort });
    const bystanders = others && (await start(others));
    const crowd = load && (await start(load));
    const ledger = watchLedger(site);
    /** @type {import('./journal.mjs').Journal[]} */
    const journals = [];
    const calls = watchCalls(site);
    const happened = await happen({
      site,
      register: (count) => registerDevices(site, count),
      keep: (more) => void journals.push(...more),
    });
    const [loadReported, othersReported] =
      /** @type {[Reported | undefined, Reported | undefined]} */ (
        await Promise.all([crowd?.stop(), bystanders?.stop()])
      );
    await settled?.(site);
    const callTimes = await calls.stop();
    const books = await ledger.stop();
    if (!('start' in options)) await site.kill();
    for (const reported of [loadReported, othersReported])
      journals.push(...(reported?.groups.flatMap((group) => group.journals) ?? []));
    const rows = stored ? await stored(site) : storedInFile(site);
    return {
      audit: audit(journals, rows),
      ledger: books,
      calls: callTimes,
      peakRss: site.peakRss(),
      load: loadReported ? withoutJournals(loadReported) : noReports,
      others: othersReported && withoutJournals(othersReported),
      happened,
    };
  });

/** @type {Reported} */
const noReports = { since: 0, groups: [] };

/** Journals are long and have been read. @param {Reported} reported @returns {Reported} */
const withoutJournals = ({ since, groups }) => ({
  since,
  groups: groups.map((group) => ({ ...group, journals: [] })),
});
