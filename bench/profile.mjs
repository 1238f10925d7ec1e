// Where the time of a process goes, from the CPU profiles that Node writes when it ends.
//   node bench/profile.mjs <folder or file.cpuprofile> ...
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const waiting = new Set(['(idle)', '(root)']);
const top = 25;

/**
 * @typedef {object} ThreadProfile
 * @property {string} name the busiest thing in it says which thread it is
 * @property {number} busyMs without waiting
 * @property {number} allMs
 * @property {[string, number][]} functions self time in milliseconds, most first
 * @property {[string, number][]} places by file of the hub, by library, or by part of Node
 */

/** A folder for the profiles of one process. @param {string} folder @param {string} name */
export function profileFolder(folder, name) {
  const path = join(folder, `${name}-${process.pid}-${Date.now()}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** What makes Node profile all threads of a process. @param {string} folder */
export const profileOptions = (folder) => `--cpu-prof --cpu-prof-dir=${folder}`;

/** @param {string} path a profile, or a folder of them @returns {ThreadProfile[]} the busiest first */
export function readProfiles(path) {
  const files = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith('.cpuprofile'))
        .map((name) => join(path, name))
    : [path];
  return files.map(readProfile).toSorted((a, b) => b.busyMs - a.busyMs);
}

/** @param {string} file @returns {ThreadProfile} */
function readProfile(file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  /** @type {Map<number, any>} */
  const byId = new Map(nodes.map((/** @type {any} */ node) => [node.id, node]));
  /** @type {Map<string, number>} */
  const functions = new Map();
  /** @type {Map<string, number>} */
  const places = new Map();
  const own = new Map();
  let busyMs = 0;
  let allMs = 0;
  for (const [index, id] of samples.entries()) {
    // A delta is the time since the sample before, so what it stood at then took that time.
    const ms = Math.max(0, timeDeltas[index + 1] ?? 0) / 1000;
    const { functionName, url, lineNumber } = byId.get(id).callFrame;
    allMs += ms;
    if (waiting.has(functionName)) continue;
    busyMs += ms;
    const place = placeOf(functionName, url);
    add(
      functions,
      `${functionName || '(anonymous)'} ${url ? `${place}:${lineNumber + 1}` : ''}`,
      ms,
    );
    add(places, place, ms);
    if (place.endsWith('.js')) add(own, place, ms);
  }
  const [[name] = ['nothing of the hub']] = ranked(own);
  return { name, busyMs, allMs, functions: ranked(functions), places: ranked(places) };
}

/** @param {Map<string, number>} sums @param {string} key @param {number} ms */
const add = (sums, key, ms) => sums.set(key, (sums.get(key) ?? 0) + ms);

/** @param {Map<string, number>} sums @returns {[string, number][]} */
const ranked = (sums) => [...sums].sort(([, a], [, b]) => b - a);

/** @param {string} functionName @param {string} url */
function placeOf(functionName, url) {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native code';
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const library = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  if (library !== undefined) return library;
  return path.startsWith(root) ? path.slice(root.length) : path;
}

/** @param {ThreadProfile[]} threads */
export function describeProfiles(threads) {
  const most = Math.max(...threads.map(({ busyMs }) => busyMs));
  return threads
    .filter(({ busyMs }) => busyMs > most / 50)
    .map(({ name, busyMs, allMs, functions, places }) => {
      const lines = (/** @type {[string, number][]} */ rows) =>
        rows.slice(0, top).map(([what, ms]) => {
          const percent = ((100 * ms) / busyMs).toFixed(1).padStart(5);
          return `  ${percent} % ${ms.toFixed(0).padStart(7)} ms  ${what}`;
        });
      const share = ((100 * busyMs) / allMs).toFixed(0);
      return [
        `Thread with ${name}: busy ${busyMs.toFixed(0)} of ${allMs.toFixed(0)} ms (${share} %)`,
        ' by function, self time',
        ...lines(functions),
        ' by file or library',
        ...lines(places),
      ].join('\n');
    })
    .join('\n\n');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const path of process.argv.slice(2)) console.log(describeProfiles(readProfiles(path)));
