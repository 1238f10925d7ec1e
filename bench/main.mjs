// npm run bench -- [all|store|ingest|registration|commands|live|presence|parse ...] [--quick] [--write]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, machine } from './machine.mjs';
import { toMarkdown, write } from './report.mjs';

/**
 * @typedef {object} SuiteOptions
 * @property {boolean} quick sizes that take seconds: whether it works, not how fast
 * @property {(text: string) => void} log progress
 */

const suites = ['store', 'ingest', 'registration', 'commands', 'live', 'presence', 'parse'];

const usage = `usage: npm run bench -- [all|${suites.join('|')} ...] [--quick] [--write]
  --quick  small sizes: shows that it works, not how fast
  --write  also writes bench/results/ and the tables of docs/performance.md`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const wanted = positionals.length === 0 || positionals.includes('all') ? suites : positionals;
const unknown = wanted.filter((name) => !suites.includes(name));
if (unknown.length > 0) fail(`no suite ${unknown.join(', ')}\n${usage}`);
if (values.quick && values.write) fail('figures of --quick are not worth writing down');
if (!existsSync(join(import.meta.dirname, '../dist/hub.js'))) fail('first: npm run build');

const here = machine();
console.log(`${describeMachine(here)}\n`);
for (const name of wanted) {
  const { run, about } = await import(`./suites/${name}.mjs`);
  try {
    const log = (/** @type {string} */ text) => console.error(`${name}: ${text}`);
    const outcome = await run({ quick: values.quick, log });
    console.log(`${toMarkdown(outcome)}\n\n${about}\n`);
    if (values.write) write(name, about, outcome, here);
  } catch (error) {
    console.error(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
}

/** @param {string} text @returns {never} */
function fail(text) {
  console.error(text);
  process.exit(2);
}
