// Databases that are not whole any more when the hub starts.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { audit, storedInFile } from '../audit.mjs';
import { harms } from '../harm.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { startReporters } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Between two runs a database of the hub is cut, overwritten or has bits flipped. What was in it may be lost; the hub ' +
  'has to start, to keep what it cannot use, to say so, and to store what comes then. SQLite keeps no checksums: a bit ' +
  'that flips inside of a value is not noticed.';

/** @typedef {{ file: string, harm: string }} Case */

/** Files of the data directory, and what happens to each. @type {Record<string, string[]>} */
const all = {
  'telemetry.db': Object.keys(harms),
  'hub.db': ['cut in half', '200 bits flipped'],
  'mqtt.db': ['cut in half', '200 bits flipped', 'a bit of its magic flipped'],
};
const few = { 'telemetry.db': ['cut in half', '200 bits flipped'] };

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  log(`seed ${seed}`);
  const cases = Object.entries(quick ? few : all).flatMap(([file, names]) =>
    names.map((harm) => ({ file, harm })),
  );
  const runs = [];
  for (const [index, one] of cases.entries()) {
    const done = await harmed(one, seed + index, quick);
    runs.push({ ...one, ...done });
    const { startMs, keptAside, survived } = done.happened;
    const started = startMs === undefined ? 'did not start' : `up in ${Math.round(startMs)} ms`;
    const kept = keptAside.join(', ') || 'nothing';
    log(`${one.file} ${one.harm}: ${started}, ${kept} kept aside, ${survived} readings are left`);
  }
  const starts = runs.map(({ happened }) => happened.startMs);
  const unsaid = runs.filter(({ happened }) => happened.keptAside.length > 0 && !happened.said);
  const unusable = runs.filter(({ happened }) => !happened.up);
  const namesOf = (/** @type {Case[]} */ some) =>
    some.map(({ file, harm }) => `not ${file} ${harm}`).join('; ') || 'always';
  return outcomeOf(`databases damaged, ${runs.length} ways`, inAll(runs), {
    recovered: {
      ms: starts.includes(undefined) ? undefined : Math.max(...starts.map((ms) => ms ?? 0)),
      withinMs: 30_000,
    },
    promises: [
      verdict('the hub is up after each', unusable.length === 0, namesOf(unusable)),
      verdict('what is kept aside is said', unsaid.length === 0, namesOf(unsaid)),
    ],
    figures: { seed, cases: runs.map(({ file, harm, happened }) => ({ file, harm, ...happened })) },
  });
}

/** @param {Case} one @param {number} seed @param {boolean} quick */
const harmed = ({ file, harm }, seed, quick) =>
  trial({
    stored: (site) => whatCanBeRead(storedInFile(site)),
    async happen({ site, keep }) {
      const before = await report(site, quick);
      await site.stop();
      const was = audit(before, storedInFile(site));
      harms[harm](join(site.dataDir, file), seed);
      const startMs = await site.start().catch(() => undefined);
      if (startMs === undefined) return neverStarted;
      const files = readdirSync(site.dataDir);
      // What was registered may be gone with its file, so new devices come.
      keep(await report(site, quick));
      const health = await fetch(`${site.hub.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"jsonrpc":"2.0","id":1,"method":"hub.health"}',
      });
      const { result } = await health.json();
      return {
        startMs,
        keptAside: files.filter((name) => name.startsWith(`${file}.damaged-`)),
        said: site.hub.output().includes('damaged'),
        up: result?.status === 'up',
        survived: `${audit(before, whatCanBeRead(storedInFile(site))).stored} of ${was.stored}`,
      };
    },
  });

const neverStarted = {
  startMs: undefined,
  keptAside: [],
  said: false,
  up: false,
  survived: 'none',
};

/** @param {Iterable<import('../audit.mjs').StoredReading>} stored of a file that may still be damaged */
function* whatCanBeRead(stored) {
  try {
    yield* stored;
  } catch {
    // What cannot be read is missing.
  }
}

/** Readings of new devices. @param {import('../site.mjs').Site} site @param {boolean} quick */
async function report(site, quick) {
  const plans = /** @type {const} */ ([
    { transport: 'mqtt', count: 10, rate: 5_000, window: 100, keepSession: true },
    { transport: 'http', count: 2, rate: 500, window: 200, batch: 50 },
  ]);
  const reporters = await startReporters(site, plans, { drainMs: 20_000 });
  await pause(quick ? 500 : 2_000);
  const { groups } = await reporters.stop();
  return groups.flatMap(({ journals }) => journals);
}

/** @typedef {import('../trial.mjs').Trial<unknown>} Trial */

/** The books of several trials as one. @param {readonly Trial[]} trials @returns {Trial} */
function inAll(trials) {
  const [first] = trials;
  const sum = (/** @type {(one: Trial) => number} */ of) =>
    trials.reduce((total, one) => total + of(one), 0);
  const kinds = /** @type {const} */ ([
    'sent',
    'acknowledged',
    'refused',
    'stored',
    'missing',
    'unacknowledged',
    'wrong',
  ]);
  const books = kinds.map((kind) => [kind, sum(({ audit: one }) => one[kind])]);
  return {
    ...first,
    audit: { ...first.audit, ...Object.fromEntries(books) },
    ledger: {
      readings: sum(({ ledger }) => ledger.readings),
      offBalance: sum(({ ledger }) => ledger.offBalance),
      lost: Object.assign({}, ...trials.map(({ ledger }) => ledger.lost)),
      last: undefined,
    },
    peakRss: Math.max(...trials.map(({ peakRss }) => peakRss)),
  };
}
