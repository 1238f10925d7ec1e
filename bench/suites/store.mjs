// The telemetry store alone, with the rows of a year or so.
import { run as runStore } from '../telemetry-store.mjs';

export const about = 'The telemetry store alone: writing, and a day of one device among all rows.';

/** @param {import('../main.mjs').SuiteOptions} options */
export async function run({ quick, log }) {
  const { name, results } = await runStore(
    quick ? { rows: 100_000, devices: 10, queries: 20, log } : { log },
  );
  const targets = /** @type {Record<string, string>} */ ({
    '24 h of one device, avg per 1h': '< 200 ms',
  });
  return {
    name,
    results: results.map(({ measure, value }) => ({ measure, value, target: targets[measure] })),
  };
}
