// What a language model gets from the hub: how much it has to read, how long it waits, and whether it is understood.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureNames } from '../../test/support/houses.ts';
import { openMistakeSite } from '../../test/support/mistakes.ts';
import { callAndRepair } from '../../test/support/repair.ts';
import { runApart, startApart } from '../apart.mjs';
import { against, count, none, time, timesToMax } from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { createMcpClient } from '../mcp-client.mjs';
import { createRpcClient } from '../rpc-client.mjs';
import { multiplyDevice } from './shared/many-devices.mjs';

export const about =
  'Bytes are those of the JSON that a client hands to its model: the definitions in `tools/list`, and the structured ' +
  'content of an answer. Times are from the call of a tool over MCP to its answer, one call after the other, while ' +
  '1,000 devices report over MQTT. Phrases are resolved by the core alone, over houses of a few dozen devices. The ' +
  'repairing caller knows nothing but what errors say, and may try three times.';

const sizes = {
  quick: { devices: [10, 200], senders: 50, rate: 500, rounds: 3, warmUp: 1, everyMs: 5 },
  full: {
    ...{ devices: [10, 1_000, 100_000], senders: 1_000, rate: 10_000 },
    ...{ rounds: 400, warmUp: 20, everyMs: 10 },
  },
};
const budget = 8_192;
const p99Ms = 100;
const places = [
  'Kitchen',
  'Living room',
  'Office',
  'Bathroom',
  'Cellar',
  'Garage',
  'Bedroom',
  'Hall',
];
const percent = (/** @type {number} */ one) => `${(one * 100).toFixed(1)} %`;
const nameOf = (/** @type {number} */ i) => `${places[i % places.length]} climate ${i}`;

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const size = quick ? sizes.quick : sizes.full;
  const bytes = [];
  for (const devices of size.devices) {
    log(`${count(devices)} devices`);
    bytes.push({ devices, ...(await withDevices(devices, bytesOf)) });
  }
  log('tools while devices report');
  const busy = await timesUnderLoad(size);
  log('mistakes');
  const repairs = await withHub(repairAll);
  log('phrases');
  const names = await measureNames();
  const phrases = Object.entries(names).map(([set, figures]) => ({ set, ...figures }));
  const largest = Math.max(...bytes.flatMap(({ answers }) => Object.values(answers)));
  return {
    name: 'What a language model gets',
    results: [
      ...bytes.map(({ devices, tools, list }) => ({
        measure: `\`tools/list\` with ${count(devices)} devices`,
        value: `${tools} tools, ${count(list)} bytes`,
      })),
      ...bytes.map(({ devices, answers }) => ({
        measure: `answers with ${count(devices)} devices, bytes`,
        value: Object.entries(answers)
          .map(([tool, size]) => `${tool} ${count(size)}`)
          .join(', '),
      })),
      {
        measure: 'the largest of these answers, bytes',
        value: count(largest),
        ...against(largest, '<=', budget),
      },
      {
        measure: `tools, all, ${count(size.rate)} messages a second coming in`,
        value: timesToMax(busy.all),
        ...against(busy.all.p99, '<', p99Ms, time),
        figures: busy.all,
      },
      ...Object.entries(busy)
        .filter(([tool]) => tool !== 'all')
        .map(([tool, figures]) => ({
          measure: `\`${tool}\``,
          value: timesToMax(figures),
          figures,
        })),
      {
        measure: 'mistakes repaired by what the error says',
        value: `${repairs.repaired} of ${repairs.made}`,
        ...against(repairs.repaired, '>=', repairs.made),
      },
      ...phrases.map(({ set, phrases: made, top1, asked_back: asked, wrong }) => ({
        measure: `phrases of \`${set}\`, ${made}`,
        value: `${percent(top1)} right, ${percent(asked)} asked back, ${wrong} wrong`,
      })),
      {
        measure: 'wrong guesses',
        ...none(phrases.reduce((sum, { wrong }) => sum + wrong, 0)),
      },
    ],
    figures: { bytes, busy, repairs, phrases },
  };
}

/**
 * @template T
 * @param {number} devices @param {(hub: import('../hub.mjs').Hub) => Promise<T>} work
 */
async function withDevices(devices, work) {
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-llm-'));
  try {
    await withHub((hub) => registerDevices(hub, 1), { dataDir });
    await multiplyDevice(join(dataDir, 'hub.db'), devices, (i) => ({
      name: nameOf(i),
      location: places[i % places.length],
    }));
    return await withHub(work, { dataDir });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What a model asks of a house, but for commands, which wait for a device. */
const callsOf = (/** @type {string} */ device) => [
  { name: 'device_find', args: { query: 'what measures the temperature in the office' } },
  { name: 'device_find', args: { query: device } },
  { name: 'device_describe', args: { device } },
  { name: 'telemetry_read', args: { device } },
  { name: 'telemetry_history', args: { device, measurement: 'temperature', time: 'last 24h' } },
  { name: 'alert_list', args: {} },
  { name: 'device_plan', args: { device, command: 'set_target', arguments: { celsius: 21 } } },
];

/** @param {import('../hub.mjs').Hub} hub */
async function bytesOf({ url, adminKey }) {
  const mcp = createMcpClient(url, adminKey);
  const found = await mcp.callTool('device_find', { query: nameOf(1) });
  await report({ url, adminKey }, found.structuredContent.devices[0].device_id);
  const { tools } = await mcp.ask('tools/list');
  /** @type {Record<string, number>} */
  const answers = {};
  for (const { name, args } of callsOf(nameOf(1))) {
    const { structuredContent } = await mcp.callTool(name, args);
    answers[name] = Math.max(answers[name] ?? 0, sizeOf(structuredContent));
  }
  mcp.close();
  return { tools: tools.length, list: sizeOf(tools), answers };
}

/**
 * Readings of a day, so that there is something to tell.
 * @param {{ url: string, adminKey: string }} hub @param {string} device_id
 */
async function report({ url, adminKey }, device_id) {
  const client = createRpcClient(url, adminKey);
  const now = Date.now();
  const live_readings = Array.from({ length: 288 }, (_, i) => ({
    measurement_type: 'temperature',
    value: 20 + Math.sin(i / 20) * 3,
    unit: 'celsius',
    timestamp: now - i * 300_000,
  }));
  const told = await client.call('telemetry.update', { device_id, data: { live_readings } });
  if (told.accepted !== live_readings.length) throw new Error(JSON.stringify(told));
  client.close();
}

const sizeOf = (/** @type {unknown} */ value) => Buffer.byteLength(JSON.stringify(value));

/** @param {typeof sizes.full} size */
async function timesUnderLoad({ senders, rate, rounds, warmUp, everyMs }) {
  return withHub(async (hub) => {
    const { url, adminKey: key, mqttPort: port } = hub;
    const devices = await registerDevices(hub, senders);
    const rename = createRpcClient(url, key);
    for (const [i, { id: device_id }] of devices.entries())
      await rename.call('device.update', {
        device_id,
        name: nameOf(i + 1),
        location: places[(i + 1) % places.length],
      });
    rename.close();
    const steady = startApart('steady', { port, devices, rate });
    await steady.ready;
    const calls = callsOf(nameOf(1));
    const times = await runApart('tools', { url, key, calls, rounds, warmUp, everyMs });
    await steady.stop();
    return times;
  });
}

/** @param {import('../hub.mjs').Hub} hub */
async function repairAll(hub) {
  const site = await openMistakeSite(hub);
  const send = async (/** @type {unknown} */ request) => {
    const response = await fetch(`${hub.url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${hub.adminKey}` },
      body: JSON.stringify(request),
    });
    return response.json();
  };
  let repaired = 0;
  for (const { request, before, meanwhile } of site.mistakes) {
    await before?.();
    const { ok } = await callAndRepair({ send, wait: async () => meanwhile?.() }, request);
    if (ok) repaired += 1;
  }
  await site.end();
  return { made: site.mistakes.length, repaired };
}
