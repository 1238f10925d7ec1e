// Writes the table of methods in docs/protocol.md from flows/hub.json, or checks it with --check.
import { readFileSync, writeFileSync } from 'node:fs';

const flow = JSON.parse(readFileSync(new URL('../flows/hub.json', import.meta.url), 'utf8'));
const file = new URL('../docs/protocol.md', import.meta.url);

const row = ({ method, params, roles, readOnly, destructive, open, description }) => {
  const { properties = {}, required = [] } = JSON.parse(params);
  const fields = Object.keys(properties).map((name) =>
    required.includes(name) ? `**${name}**` : name,
  );
  const who = open ? 'no key needed' : roles.join(', ') || 'llm_admin';
  const changes = destructive ? '**destructive**' : readOnly ? 'no' : 'yes';
  return `| \`${method}\` | ${fields.join(', ') || '–'} | ${who} | ${changes} | ${description} |`;
};
const { id: ownTab } = flow.find(({ label }) => label === 'Your own');
const rows = flow
  .filter(
    ({ type, deviceMethods, z }) => type === 'llm-iot-rpc-in' && !deviceMethods && z !== ownTab,
  )
  .sort((a, b) => a.method.localeCompare(b.method, 'en'))
  .map(row);
const table = [
  '| method | params (**required**) | roles | changes | what it does |',
  '|---|---|---|---|---|',
  ...rows,
].join('\n');

const text = readFileSync(file, 'utf8');
const next = text.replace(
  /(<!-- methods:[^\n]*-->\n)[^]*(<!-- \/methods -->)/,
  `$1\n${table}\n\n$2`,
);
if (!process.argv.includes('--check')) writeFileSync(file, next);
else if (next !== text) {
  console.error(
    'docs/protocol.md does not match flows/hub.json: run node scripts/protocol-doc.mjs',
  );
  process.exit(1);
}
