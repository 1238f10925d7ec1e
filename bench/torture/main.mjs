// npm run torture -- [all|<fault> ...] [--quick] [--write]
import { fail, readCommandLine } from '../command-line.mjs';
import { describeMachine, machine } from '../machine.mjs';
import { toMarkdown, write, writePage } from './report.mjs';

/**
 * @typedef {object} FaultOptions
 * @property {boolean} quick a form that takes seconds
 * @property {(text: string) => void} log progress
 * @property {import('./site.mjs').Site} [site] a hub that runs already, for a fault that needs none of its own
 */

const faults = [
  'kill',
  'store-stall',
  'disk-full',
  'damage',
  'redeploy',
  'sigterm',
  'frozen-subscriber',
  'duplicate-ids',
  'big-publish',
  'reconnect',
  'clock',
  'qos0-flood',
  'slow-function',
  'stalled-reader',
  'malformed',
  'external-broker',
  'influx-away',
  'influx-stall',
];

const usage = `usage: npm run torture -- [all|${faults.join('|')} ...] [--quick] [--write]
  --quick  a form of each fault that takes seconds
  --write  also writes bench/results/ and the table of docs/reliability.md`;

const { wanted, quick, profiles, ...options } = readCommandLine(usage, faults, 'fault');
if (profiles !== undefined) fail(`no hub is profiled here\n${usage}`);

const here = machine();
console.log(`${describeMachine(here)}\n`);
const runs = [];
for (const name of wanted) {
  const { run, about } = await import(`./faults/${name}.mjs`);
  const log = (/** @type {string} */ text) => console.error(`${name}: ${text}`);
  try {
    /** @type {import('./outcome.mjs').Outcome} */
    const outcome = await run({ quick, log });
    runs.push({ name, outcome });
    for (const { promise, kept, found } of outcome.promises)
      log(`${kept ? 'kept  ' : 'BROKEN'}  ${promise}: ${found}`);
    const { audit, ledger } = outcome.figures;
    if (audit.missing > 0) log(`missing: ${JSON.stringify(audit.examples)}`);
    if (Object.keys(ledger.lost).length > 0) log(`not stored: ${JSON.stringify(ledger.lost)}`);
    for (const { transport, troubles } of outcome.figures.load.groups)
      if (Object.keys(troubles).length > 0)
        log(`${transport} devices met ${JSON.stringify(troubles)}`);
    if (outcome.promises.some(({ kept }) => !kept)) process.exitCode = 1;
    if (options.write) write(name, about, outcome, here);
  } catch (error) {
    console.error(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
}
if (runs.length > 0) console.log(toMarkdown(runs));
if (options.write) writePage(faults);
