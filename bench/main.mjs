// npm run bench -- [all|<scenario> ...] [--quick] [--write] [--cpu-prof <folder>]
import { resolve } from 'node:path';
import { fail, readCommandLine } from './command-line.mjs';
import { profileHubs } from './hub.mjs';
import { describeMachine, machine } from './machine.mjs';
import { describeProfiles, readProfiles } from './profile.mjs';
import { createProgress } from './report/progress.mjs';
import { targetsToMarkdown, toMarkdown, writePage, writeResult } from './report/report.mjs';

/**
 * @typedef {object} ScenarioOptions
 * @property {boolean} quick sizes that take seconds: whether it works, not how fast
 * @property {(text: string) => void} log progress
 */

const scenarios = {
  'ingest-100': '100 connections, QoS 1, 32 messages in flight',
  'ingest-1000': '1,000 devices, QoS 1, one message in flight',
  'qos0-flood': '100 connections, QoS 0, as much as they can',
  'http-batch': 'telemetry.update over HTTP in batches of 100',
  paced: '10,000 messages a second for 10 minutes, and everything else meanwhile',
  'idle-connections': '15,000 connections that seldom say anything',
  registry: '100,000 registered devices',
  'long-store': '100 million stored readings',
  commands: 'commands, from the call to the answer',
  live: 'live updates over the WebSocket',
  registration: '1,000 devices that register at once',
  guessing: 'calls while somebody tries 1,000 keys a second',
  llm: 'what a language model reads, waits for and is understood with',
  parse: 'strict JSON beside JSON.parse',
  peers: 'the hub beside stock nodes with Mosquitto and InfluxDB, and its ceilings',
};
const names = Object.keys(scenarios);

const usage = `usage: npm run bench -- [all|<scenario> ...] [--quick] [--write] [--cpu-prof <folder>]
${Object.entries(scenarios)
  .map(([name, about]) => `  ${name.padEnd(18)}${about}`)
  .join('\n')}
  --quick           small sizes: shows that it works, not how fast
  --write           also writes bench/results/, the charts, and the tables of docs/performance.md
  --cpu-prof <dir>  profiles the hubs, keeps the profiles in this folder, and prints where the time went`;

const { wanted, quick, write, profiles } = readCommandLine(usage, names, 'scenario');
if (write && profiles !== undefined) fail('a profiled hub is slower: no figures to write down');

const progress = createProgress();
/** @type {string[]} */
let profiled = [];
if (profiles !== undefined) profileHubs(resolve(profiles), (folder) => profiled.push(folder));

const here = machine();
console.log(`${describeMachine(here)}\n`);
/** @type {import('./report/report.mjs').Measured[]} */
const outcomes = [];
for (const name of wanted) await measure(name);
if (outcomes.some(({ results }) => results.some(({ met }) => met !== undefined)))
  console.log(targetsToMarkdown(outcomes));
if (write) writePage(names);

/** @param {string} name */
async function measure(name) {
  const begin = performance.now();
  try {
    const { run, about } = await import(`./scenarios/${name}.mjs`);
    const outcome = await run({ quick, log: showProgress(name, begin) });
    if (quick) withoutVerdicts(outcome);
    const seconds = (performance.now() - begin) / 1000;
    const measured_at = new Date().toISOString();
    const measured = { scenario: name, measured_at, seconds, machine: here, about, ...outcome };
    progress.clear();
    console.log(`${toMarkdown(outcome)}\n\n${about} Took ${seconds.toFixed(0)} s.\n`);
    outcomes.push(measured);
    if (write) writeResult(measured);
  } catch (error) {
    progress.clear();
    console.error(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
  for (const folder of profiled.splice(0))
    console.log(`Profile of a hub, ${folder}\n${describeProfiles(readProfiles(folder))}\n`);
}

/** Small sizes say nothing about targets. @param {import('./report/report.mjs').Outcome} outcome */
function withoutVerdicts({ results }) {
  for (const row of results) delete row.met;
}

/** @param {string} name @param {number} begin @returns {(text: string) => void} */
function showProgress(name, begin) {
  return (text) => {
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    progress.show(`${name} (${wanted.indexOf(name) + 1}/${wanted.length}, ${seconds} s): ${text}`);
  };
}
