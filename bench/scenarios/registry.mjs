// What many registered devices cost a hub.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { against, count, createTimes, median, megabytes, time, timed, times } from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { usage } from '../machine.mjs';
import { createRpcClient } from '../rpc-client.mjs';

export const about =
  'The watch over all devices in the core alone, then a hub that starts with as many devices in its database, beside ' +
  'one that starts with a single device. Processor time is a share of one core; 0.5 % and less cannot be told from ' +
  'nothing.';

const unmeasurable = 0.005;
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

/** @param {typeof sizes.full} size @returns {Promise<import('../report/report.mjs').Row[]>} */
async function watchInCore({ devices, restMs }) {
  const { createPresence } = await import('../../dist/core/device/presence.js');
  const { systemClock: clock } = await import('../../dist/runtime/system.js');
  const silent = () => undefined;
  const presence = createPresence({ clock, onOffline: silent, onOnline: silent });
  const ids = Array.from({ length: devices }, () => crypto.randomUUID());
  for (const id of ids) presence.add(id, 60);

  await settle(restMs, () => process.cpuUsage().user / 1000);
  const beforeRest = process.cpuUsage();
  await pause(restMs);
  const { user, system } = process.cpuUsage(beforeRest);
  const cpu = (user + system) / 1000 / restMs;

  const touches = Math.max(devices, 1_000_000);
  const begin = performance.now();
  for (let i = 0; i < touches; i++) presence.touch(ids[(i * 7_919) % devices]);
  const touchNs = ((performance.now() - begin) * 1e6) / touches;
  presence.close();
  return [
    {
      measure: `presence timer alone, processor time over ${restMs / 1000} s at rest`,
      value: `${(cpu * 100).toFixed(2)} %`,
      target: 'not measurable',
      met: cpu < unmeasurable,
    },
    { measure: 'presence, a sign of life', value: `${count(touchNs)} ns` },
    {
      measure: 'presence, processor time when all report every 60 s',
      value: `${(((devices / 60) * touchNs) / 1e7).toFixed(3)} %`,
    },
  ];
}

const quietMs = 2_000;
const mostWaits = 15;

/**
 * Lets what came before end: compiling, and the last collection of the garbage of a start.
 * @param {number} restMs @param {() => number} cpuMs what was used so far
 */
async function settle(restMs, cpuMs) {
  await pause(restMs);
  for (let i = 0; i < mostWaits; i++) {
    const before = cpuMs();
    await pause(Math.min(restMs, quietMs));
    if (cpuMs() - before < quietMs * unmeasurable) return;
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

/**
 * Makes many devices of the one that is in a hub's database, each with a key.
 * @param {string} file @param {number} devices how many there are afterwards
 */
async function multiplyDevice(file, devices) {
  const { createSqliteRecordStore } =
    await import('../../dist/adapters/storage/sqlite-record-store.js');
  const records = await createSqliteRecordStore({ file });
  const [device] = await records.all('device');
  const key = (await records.all('key')).find((/** @type {any} */ one) => one.device_id);
  const group = 5_000;
  for (let first = 1; first < devices; first += group) {
    const writes = [];
    for (let i = first; i < Math.min(first + group, devices); i++) {
      const deviceId = crypto.randomUUID();
      const name = `${device.name} ${i}`;
      const keyId = crypto.randomUUID();
      const hash = i.toString(16).padStart(64, '0');
      writes.push(
        records.put('device', deviceId, { ...device, device_id: deviceId, name }),
        records.put('key', keyId, { ...key, id: keyId, hash, device_id: deviceId }),
      );
    }
    await Promise.all(writes);
  }
  await records.close();
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
      ...against(page.p99, '<', 50, (ms) => `${ms} ms`),
    },
    { measure: '`device.list`, search by name', value: times(search) },
    { measure: `\`device.list\`, all ${count(devices)} in pages of 1,000`, value: time(allMs) },
  ];
}
