// Where outcomes go: the terminal, bench/results/, and the table of docs/reliability.md.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, megabytes } from '../figures.mjs';
import { describeMachine } from '../machine.mjs';

/** @typedef {import('./outcome.mjs').Outcome} Outcome */

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'bench/results');
const page = join(root, 'docs/reliability.md');
const [begin, end] = ['<!-- torture -->', '<!-- /torture -->'];

const headings = [
  'fault',
  'acknowledged',
  'stored',
  'acknowledged, not stored',
  'stored, not acknowledged',
  'recovered after',
  'ledger',
  'peak RSS',
  'promises',
];

/** @param {{ name: string, outcome: Outcome }[]} runs */
export function toMarkdown(runs) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    line(headings),
    line(headings.map(() => '---')),
    ...runs.map(({ name, outcome }) => line(rowOf(name, outcome))),
  ].join('\n');
}

/** @param {string} name @param {Outcome} outcome */
function rowOf(name, outcome) {
  const { what, acknowledged, stored, missing, unacknowledged, recoveredMs, balanced } = outcome;
  const broken = outcome.promises.filter(({ kept }) => !kept);
  return [
    `\`${name}\`: ${what}`,
    count(acknowledged),
    count(stored),
    count(missing),
    count(unacknowledged),
    recoveredMs === undefined ? '–' : `${(recoveredMs / 1000).toFixed(1)} s`,
    balanced ? 'adds up' : '**does not add up**',
    megabytes(outcome.peakRss),
    broken.length === 0
      ? `${outcome.promises.length} kept`
      : broken.map(({ promise, found }) => `**broken**: ${promise} (${found})`).join('; '),
  ];
}

/**
 * Writes bench/results/{date}-torture-{name}.json, and the newest outcome of every fault to docs/reliability.md.
 * @param {string} name @param {string} about @param {Outcome} outcome
 * @param {ReturnType<typeof import('../machine.mjs').machine>} machine
 */
export function write(name, about, outcome, machine) {
  const measured = new Date().toISOString();
  mkdirSync(folder, { recursive: true });
  const document = { fault: name, about, measured_at: measured, machine, outcome };
  const file = `${measured.slice(0, 10)}-torture-${name}.json`;
  writeFileSync(join(folder, file), `${JSON.stringify(document)}\n`);
}

/** Writes the table of docs/reliability.md from the newest result of every fault. @param {readonly string[]} names */
export function writePage(names) {
  const files = readdirSync(folder).toSorted();
  const newest = names.flatMap((name) => {
    const file = files.findLast((one) => one.endsWith(`-torture-${name}.json`));
    return file ? [JSON.parse(readFileSync(join(folder, file), 'utf8'))] : [];
  });
  const runs = newest.map(({ fault: name, outcome }) => ({ name, outcome }));
  const origins = new Set(
    newest.map(
      ({ measured_at, machine }) => `${measured_at.slice(0, 10)}, ${describeMachine(machine)}`,
    ),
  );
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`docs/reliability.md has no ${begin} … ${end}`);
  const section = [begin, toMarkdown(runs), '', `*${[...origins].join('; ')}*`, end].join('\n');
  writeFileSync(page, text.slice(0, from) + section + text.slice(to + end.length));
}
