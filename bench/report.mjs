// Where figures go: the terminal, bench/results/, and the tables of docs/performance.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from './machine.mjs';

/**
 * @typedef {object} Outcome
 * @property {string} name
 * @property {string[]} [columns] headings, where a measure has several values
 * @property {{ measure: string, value: string | string[], target?: string, figures?: object }[]} results
 * @property {object} [figures] the numbers behind the values
 */

const root = join(import.meta.dirname, '..');

/** @param {Outcome} outcome */
export function toMarkdown({ name, columns = ['value'], results }) {
  const targets = results.some(({ target }) => target);
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  const last = (/** @type {string} */ text) => (targets ? [text] : []);
  const headings = ['measure', ...columns, ...last('target')];
  return [
    `### ${name}`,
    '',
    line(headings),
    line(headings.map(() => '---')),
    ...results.map(({ measure, value, target = '' }) =>
      line([measure, ...[value].flat(), ...last(target)]),
    ),
  ].join('\n');
}

/**
 * Writes bench/results/{date}-{suite}.json and the suite's table in docs/performance.md.
 * @param {string} suite @param {string} about what is measured @param {Outcome} outcome
 * @param {ReturnType<typeof import('./machine.mjs').machine>} machine
 */
export function write(suite, about, outcome, machine) {
  const measured = new Date().toISOString();
  const date = measured.slice(0, 10);
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const document = { suite, measured_at: measured, machine, ...outcome };
  writeFileSync(join(folder, `${date}-${suite}.json`), `${JSON.stringify(document, null, 2)}\n`);

  const page = join(root, 'docs', 'performance.md');
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- bench:${suite} -->`, `<!-- /bench:${suite} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  const origin = `*${date}, ${describeMachine(machine)}*`;
  const section = [begin, toMarkdown(outcome), '', about, '', origin, end].join('\n');
  writeFileSync(page, text.slice(0, from) + section + text.slice(to + end.length));
}
