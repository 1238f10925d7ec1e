// What many devices cost a hub that has nothing else to do.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { count, createTimes, megabytes, time, times } from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { usage } from '../machine.mjs';
import { createRpcClient } from '../rpc-client.mjs';

export const about =
  'The watch over all devices in the core alone, then a hub that starts with as many devices in its database. ' +
  'CPU is that of one core.';

/** @param {import('../main.mjs').SuiteOptions} options */
export async function run({ quick, log }) {
  const devices = quick ? 1_000 : 100_000;
  const restMs = quick ? 500 : 10_000;
  log('core');
  const core = await watchInCore(devices, restMs);
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-presence-'));
  try {
    const empty = await withHub(async (hub, startMs) => {
      await registerDevices(hub, 1);
      return { startMs, ...(await atRest(hub, restMs)) };
    }, dataDir);
    log('filling the database');
    await multiplyDevice(join(dataDir, 'hub.db'), devices);
    log('hub');
    const full = await withHub(
      async (hub, startMs) => ({
        startMs,
        ...(await atRest(hub, restMs)),
        pages: await listPages(hub, devices, quick ? 10 : 100),
      }),
      dataDir,
    );
    return {
      name: `Presence, ${count(devices)} devices`,
      results: [...core, ...hubRows(empty, full, devices)],
    };
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

/** @param {number} devices @param {number} restMs */
async function watchInCore(devices, restMs) {
  const { createPresence } = await import('../../dist/core/device/presence.js');
  const { systemClock: clock } = await import('../../dist/runtime/system.js');
  const silent = () => undefined;
  const presence = createPresence({ clock, onOffline: silent, onOnline: silent });
  const ids = Array.from({ length: devices }, () => crypto.randomUUID());
  for (const id of ids) presence.add(id, 60);

  await settle(restMs);
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
      measure: `core, CPU over ${restMs / 1000} s at rest`,
      value: `${(cpu * 100).toFixed(2)} %`,
      figures: { cpu },
      target: 'not measurable',
    },
    { measure: 'core, a sign of life', value: `${count(touchNs)} ns`, figures: { touchNs } },
    {
      measure: 'core, CPU when all report every 60 s',
      value: `${(((devices / 60) * touchNs) / 1e7).toFixed(3)} %`,
      figures: { cpu: ((devices / 60) * touchNs) / 1e9 },
    },
  ];
}

/** Lets what came before end: compiling, and the last collection of the garbage of a start. @param {number} restMs */
const settle = (restMs) => pause(restMs * 3);

/** @param {import('../hub.mjs').Hub} hub @param {number} restMs */
async function atRest({ pid }, restMs) {
  await settle(restMs);
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

/** @param {import('../hub.mjs').Hub} hub @param {number} devices @param {number} most pages of each kind */
async function listPages({ url, adminKey }, devices, most) {
  const client = createRpcClient(url, adminKey);
  const page = createTimes();
  const search = createTimes();
  const before = performance.now();
  let cursor;
  let found = 0;
  do {
    const params = { limit: 1_000, ...(cursor && { cursor }) };
    const answer = await client.call('device.list', params);
    found += answer.devices.length;
    cursor = answer.cursor;
  } while (cursor);
  const allMs = performance.now() - before;
  if (found !== devices) throw new Error(`${devices} devices, and device.list has ${found}`);
  for (let i = 0; i < most; i++) {
    page.add(
      await timed(() => client.call('device.list', { limit: 100, ...(cursor && { cursor }) })),
    );
    search.add(
      await timed(() => client.call('device.list', { search: `bench ${devices - 1 - i}` })),
    );
  }
  client.close();
  return { page: page.figures(), search: search.figures(), allMs };
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/** @param {any} empty @param {any} full @param {number} devices */
function hubRows(empty, full, devices) {
  const { page, search, allMs } = full.pages;
  const both = (/** @type {(one: any) => string} */ of) =>
    `${of(full)} (with one device ${of(empty)})`;
  return [
    {
      measure: 'hub, from the start of the process to ready',
      value: both(({ startMs }) => time(startMs)),
      figures: { full: full.startMs, empty: empty.startMs },
    },
    {
      measure: 'hub, CPU at rest',
      value: both(({ cpu }) => `${(cpu * 100).toFixed(1)} %`),
      figures: { full: full.cpu, empty: empty.cpu },
      target: 'not measurable',
    },
    {
      measure: 'hub, resident memory',
      value: both(({ rss }) => megabytes(rss)),
      figures: { full: full.rss, empty: empty.rss },
    },
    { measure: 'device.list, a page of 100', value: times(page), figures: page },
    { measure: 'device.list, search by name', value: times(search), figures: search },
    {
      measure: `device.list, all ${count(devices)} in pages of 1,000`,
      value: time(allMs),
      figures: { allMs },
    },
  ];
}
