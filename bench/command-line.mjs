// The arguments of the two commands here, which are alike.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Reads names and options; ends the process with the usage when they make no sense, or `--help` asks for it.
 * @param {string} usage
 * @param {readonly string[]} known names; none or "all" means all of them
 * @param {string} what they are names of
 * @returns {{ wanted: readonly string[], quick: boolean, write: boolean, profiles?: string }}
 */
export function readCommandLine(usage, known, what) {
  const { values, positionals } = parse(usage);
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const wanted = positionals.length === 0 || positionals.includes('all') ? known : positionals;
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) fail(`no ${what} ${unknown.join(', ')}\n${usage}`);
  const { quick, write, 'cpu-prof': profiles } = values;
  if (write && quick) fail('what --quick finds is not worth writing down');
  if (!existsSync(join(import.meta.dirname, '../dist/hub.js'))) fail('first: npm run build');
  return { wanted, quick, write, ...(profiles !== undefined && { profiles }) };
}

/** @param {string} usage */
function parse(usage) {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        'cpu-prof': { type: 'string' },
      },
    });
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** @param {string} text @returns {never} */
export function fail(text) {
  console.error(text);
  process.exit(2);
}
