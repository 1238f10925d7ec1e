// What came of a fault: figures, and promises that were kept or broken.
import { count, megabytes, time } from '../figures.mjs';
import { worstP99 } from './reporters.mjs';

/**
 * @typedef {object} Outcome
 * @property {string} what was done, in a few words
 * @property {number} acknowledged
 * @property {number} stored
 * @property {number} missing acknowledged and not stored
 * @property {number} unacknowledged stored and not acknowledged
 * @property {number} peakRss bytes
 * @property {number | undefined} recoveredMs undefined where there was nothing to recover from
 * @property {boolean} balanced
 * @property {Verdict[]} promises
 * @property {Record<string, any> & { load: import('./reporters.mjs').Reported }} figures the numbers behind the verdicts, and more
 *
 * @typedef {{ promise: string, kept: boolean, found: string }} Verdict
 */

/** Most resident memory that a hub may take, whatever happens. */
export const rssBound = 600e6;

/** @param {string} promise @param {boolean} kept @param {string} found @returns {Verdict} */
export const verdict = (promise, kept, found) => ({ promise, kept, found });

/**
 * @param {string} what
 * @param {import('./trial.mjs').Trial<unknown>} trial
 * @param {{ recovered?: { ms: number | undefined, withinMs: number }, p99Ms?: number, promises?: Verdict[],
 *   figures?: object }} [more] `recovered`: how long it took until the hub worked again, and how long it may take;
 *   `p99Ms`: what the other devices may have to wait for an acknowledgement
 * @returns {Outcome}
 */
export function outcomeOf(what, { audit, ledger, peakRss, load, others }, more = {}) {
  const { recovered, p99Ms, promises = [], figures } = more;
  return {
    what,
    acknowledged: audit.acknowledged,
    stored: audit.stored,
    missing: audit.missing,
    unacknowledged: audit.unacknowledged,
    peakRss,
    recoveredMs: recovered?.ms,
    balanced: ledger.offBalance === 0,
    promises: [
      verdict(
        'something was acknowledged',
        audit.acknowledged > 0,
        `${count(audit.acknowledged)} readings`,
      ),
      verdict(
        'every acknowledged reading is stored',
        audit.missing === 0,
        `${count(audit.missing)} are missing`,
      ),
      verdict('what is stored is what was sent', audit.wrong === 0, `${count(audit.wrong)} differ`),
      verdict(
        'the ledger adds up at every moment',
        ledger.offBalance === 0,
        `${ledger.offBalance} of ${ledger.readings} times it did not`,
      ),
      verdict(
        `resident memory stays under ${megabytes(rssBound)}`,
        peakRss < rssBound,
        megabytes(peakRss),
      ),
      ...recoveryVerdict(recovered),
      ...(others && p99Ms !== undefined
        ? [
            verdict(
              `99 of 100 readings of other devices are acknowledged within ${p99Ms} ms`,
              worstP99(others) < p99Ms,
              time(worstP99(others)),
            ),
          ]
        : []),
      ...promises,
    ],
    figures: { audit, ledger, load, others, ...figures },
  };
}

/** @param {{ ms: number | undefined, withinMs: number } | undefined} recovered @returns {Verdict[]} */
function recoveryVerdict(recovered) {
  if (!recovered) return [];
  const { ms, withinMs } = recovered;
  return [
    verdict(
      `the hub recovers by itself within ${withinMs / 1000} s`,
      ms !== undefined && ms <= withinMs,
      ms === undefined ? 'it did not' : `after ${(ms / 1000).toFixed(1)} s`,
    ),
  ];
}
