// What many registered devices cost a hub.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  against,
  count,
  createTimes,
  median,
  megabytes,
  time,
  timed,
  times,
  withinP99,
} from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { usage } from '../machine.mjs';
import { createRpcClient } from '../rpc-client.mjs';
import { multiplyDevice } from './shared/many-devices.mjs';
import { watchInCore } from './shared/presence-watch.mjs';
import { settle, unmeasurable } from './shared/rest.mjs';

export const about =
  'The watch over all devices in the core alone, then a hub that starts with as many devices in its database, beside ' +
  'one that starts with a single device. Processor time is a share of one core; 0.5 % and less cannot be told from ' +
  'nothing.';

const sizes = {
  quick: { devices: 1_000, restMs: 500, starts: 1, pages: 10 },
  full: { devices: 100_000, restMs: 8_000, starts: 3, pages: 200 },
};

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const size = quick ? sizes.quick : sizes.full;
  const { devices, restMs } = size;
  log('the core alone');
  const core = await watchInCore(size);
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-registry-'));
  try {
    log('one device');
    const empty = await withHub(
      async (hub) => {
        await registerDevices(hub, 1);
        return { startMs: hub.startMs, ...(await atRest(hub, restMs)) };
      },
      { dataDir },
    );
    log('filling the database');
    await multiplyDevice(join(dataDir, 'hub.db'), devices);
    const starts = [];
    for (let i = 1; i < size.starts; i++) {
      log(`start ${i} of ${size.starts}`);
      starts.push(await withHub(async ({ startMs }) => startMs, { dataDir }));
    }
    log(`start ${size.starts} of ${size.starts}, pages`);
    const full = await withHub(
      async (hub) => {
        starts.push(hub.startMs);
        return { ...(await atRest(hub, restMs)), pages: await listPages(hub, size) };
      },
      { dataDir },
    );
    return {
      name: `Registry of ${count(devices)} devices`,
      results: [...core, ...hubRows(empty, { ...full, startMs: median(starts) }, size)],
      figures: { starts, empty, full },
    };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** @param {import('../hub.mjs').Hub} hub @param {number} restMs */
async function atRest({ pid }, restMs) {
  await settle(restMs, () => usage(pid).cpuMs);
  const before = usage(pid);
  await pause(restMs);
  const { cpuMs, rss } = usage(pid);
  return { cpu: (cpuMs - before.cpuMs) / restMs, rss };
}

/** @param {import('../hub.mjs').Hub} hub @param {typeof sizes.full} size */
async function listPages({ url, adminKey }, { devices, pages }) {
  const client = createRpcClient(url, adminKey);
  const page = createTimes();
  const search = createTimes();
  /** @type {string | undefined} */
  let cursor;
  let found = 0;
  const allMs = await timed(async () => {
    do {
      const params = { limit: 1_000, ...(cursor && { cursor }) };
      const answer = await client.call('device.list', params);
      found += answer.devices.length;
      cursor = answer.cursor;
    } while (cursor);
  });
  if (found !== devices) throw new Error(`${devices} devices, and device.list has ${found}`);
  for (let i = 0; i < pages; i++) {
    // From page to page, each of them another place in the list.
    page.add(
      await timed(async () => {
        const params = { limit: 100, ...(cursor && { cursor }) };
        cursor = (await client.call('device.list', params)).cursor;
      }),
    );
    search.add(
      await timed(() => client.call('device.list', { search: `bench ${devices - 1 - i}` })),
    );
  }
  client.close();
  return { page: page.figures(), search: search.figures(), allMs };
}

/** @param {any} empty @param {any} full @param {typeof sizes.full} size @returns {import('../report/report.mjs').Row[]} */
function hubRows(empty, full, { devices, starts }) {
  const { page, search, allMs } = full.pages;
  const both = (/** @type {(one: any) => string} */ of) =>
    `${of(full)} (with one device ${of(empty)})`;
  const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;
  return [
    {
      measure: `from the start of the process to ready${starts > 1 ? `, median of ${starts}` : ''}`,
      value: both(({ startMs }) => seconds(startMs)),
      ...against(full.startMs, '<', 5_000, (ms) => `${ms / 1000} s`),
    },
    {
      measure: 'hub at rest, processor time',
      value: both(({ cpu }) => `${(cpu * 100).toFixed(1)} %`),
      target: 'not measurable',
      met: full.cpu - empty.cpu < unmeasurable,
    },
    { measure: 'resident memory', value: both(({ rss }) => megabytes(rss)) },
    {
      measure: '`device.list`, a page of 100',
      value: times(page),
      ...withinP99(page, 50),
    },
    { measure: '`device.list`, search by name', value: times(search) },
    { measure: `\`device.list\`, all ${count(devices)} in pages of 1,000`, value: time(allMs) },
  ];
}
