// Writes the tables of roles in docs/security.md from nodes/core/security/role-table.ts, or checks them with --check.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  callers,
  mayCallShipped,
  methodRoles,
  topicExamples,
  topicRights,
} from '../nodes/core/security/role-table.ts';

const file = new URL('../docs/security.md', import.meta.url);

const table = (first, rows) =>
  [
    `| ${first} | ${callers.join(' | ')} |`,
    `|---|${callers.map(() => '---').join('|')}|`,
    ...rows.map(([name, cells]) => `| \`${name}\` | ${cells.join(' | ')} |`),
  ].join('\n');

const methods = table('method', [
  ...Object.keys(methodRoles).map((method) => [
    method,
    callers.map((kind) => (mayCallShipped(kind, method) ? 'yes' : '–')),
  ]),
]);
const rights = ({ publish, subscribe }) =>
  [publish && 'publish', subscribe && 'hear'].filter(Boolean).join(', ') || '–';
const topics = table(
  'topic',
  topicExamples.map((topic) => [topic, callers.map((kind) => rights(topicRights(kind, topic)))]),
);

const text = readFileSync(file, 'utf8');
const put = (whole, mark, content) =>
  whole.replace(
    new RegExp(`(<!-- ${mark}:[^\\n]*-->\\n)[^]*(<!-- /${mark} -->)`),
    `$1\n${content}\n\n$2`,
  );
const next = put(put(text, 'roles', methods), 'topics', topics);
if (!process.argv.includes('--check')) writeFileSync(file, next);
else if (next !== text) {
  console.error(
    'docs/security.md does not match nodes/core/security/role-table.ts: run node scripts/security-doc.mjs',
  );
  process.exit(1);
}
