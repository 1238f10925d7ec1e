// Where figures go: the terminal, bench/results/, and the tables of docs/performance.md.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawCharts } from './charts.mjs';
import { describeMachine } from '../machine.mjs';

/**
 * @typedef {{ measure: string, value: string | string[], target?: string, met?: boolean, figures?: object }} Row
 *
 * @typedef {object} Outcome
 * @property {string} name
 * @property {string[]} [columns] headings, where a measure has several values
 * @property {Row[]} results
 * @property {object} [figures] the numbers behind the values
 *
 * @typedef {Outcome & { scenario: string, about: string, measured_at: string, seconds: number,
 *   machine: ReturnType<typeof import('../machine.mjs').machine> }} Measured
 */

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'bench', 'results');
const page = join(root, 'docs', 'performance.md');

/** @param {Outcome} outcome */
export function toMarkdown({ name, columns = ['value'], results }) {
  const targets = results.some(({ target }) => target);
  const last = (/** @type {string} */ text) => (targets ? [text] : []);
  return table(
    name,
    ['measure', ...columns, ...last('target')],
    results.map((row) => [row.measure, ...[row.value].flat(), ...last(targetOf(row))]),
  );
}

/** @param {Row} row */
const targetOf = ({ target = '', met }) =>
  met === undefined ? target : `${target} ${met ? '✓' : '✗'}`;

/** Everything that has a target, held against it. @param {{ scenario: string, results: Row[] }[]} outcomes */
export function targetsToMarkdown(outcomes) {
  const rows = outcomes.flatMap(({ scenario, results }) =>
    results
      .filter(({ met }) => met !== undefined)
      .map((row) => [
        `\`${scenario}\``,
        row.measure,
        [row.value].flat().join('; '),
        row.target ?? '',
        row.met ? 'met' : '**missed**',
      ]),
  );
  return table('Targets', ['scenario', 'measure', 'measured', 'target', ''], rows);
}

/** @param {string} title @param {string[]} headings @param {string[][]} rows */
function table(title, headings, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    line(headings),
    line(headings.map(() => '---')),
    ...rows.map(line),
  ].join('\n');
}

/** Writes bench/results/{date}-{scenario}.json in place of older ones. @param {Measured} measured */
export function writeResult(measured) {
  mkdirSync(folder, { recursive: true });
  for (const name of resultsOf(measured.scenario)) rmSync(join(folder, name));
  const name = `${measured.measured_at.slice(0, 10)}-${measured.scenario}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(measured, rounded, 1)}\n`);
}

/** @param {string} scenario */
const resultsOf = (scenario) =>
  readdirSync(folder).filter((name) => name.slice('2026-01-01-'.length) === `${scenario}.json`);

/** Five digits say all there is to say. @param {string} _key @param {unknown} value */
const rounded = (_key, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

/** Draws the charts and fills the tables of docs/performance.md with what is in bench/results/. */
export function writePage(/** @type {readonly string[]} */ scenarios) {
  /** @type {Measured[]} */
  const all = scenarios.flatMap((scenario) =>
    resultsOf(scenario).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))),
  );
  const images = join(root, 'docs', 'images');
  const charts = drawCharts(Object.fromEntries(all.map((one) => [one.scenario, one])));
  for (const { file, svg } of charts) writeFileSync(join(images, file), svg);

  let text = readFileSync(page, 'utf8');
  const fill = (/** @type {string} */ name, /** @type {string[]} */ parts) => {
    const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < 0) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
    const shown = charts.filter(
      ({ section, file }) => section === name && existsSync(join(images, file)),
    );
    const embedded = shown.map(({ file, title }) => `![${title}](images/${file})`);
    const section = [...parts, ...embedded].join('\n\n');
    text = `${text.slice(0, from)}${begin}\n\n${section}\n\n${text.slice(to)}`;
  };
  if (all.length > 0) fill('targets', [targetsToMarkdown(all)]);
  for (const one of all) {
    const seconds = `${Math.round(one.seconds).toLocaleString('en')} s`;
    const origin = `*${one.measured_at.slice(0, 10)}, ${describeMachine(one.machine)}; took ${seconds}*`;
    fill(one.scenario, [toMarkdown(one), one.about, origin]);
  }
  writeFileSync(page, text);
}
