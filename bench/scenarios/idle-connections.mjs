// Very many devices that are connected to one hub and seldom say anything.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startApart } from '../apart.mjs';
import { against, count, megabytes, none, timesToMax } from '../figures.mjs';
import { collectGarbage, inspectorOptions } from '../garbage.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { assertSame, countReadings, settledAccount } from '../ledger.mjs';
import { openFileLimit, usage } from '../machine.mjs';
import { micros } from './shared/ingest.mjs';

export const about =
  'Each connection is a registered device with its own key. The hub is started again after they registered, so that ' +
  'the memory of a connection is the resident memory of the whole hub with all of them less that without, by their ' +
  'number, each after its garbage was collected; the connections have been idle for a while then, but for a ping every ' +
  '20 s. Then they report.';

const sizes = {
  quick: { connections: 300, settleMs: 500, restMs: 2_000, sendMs: 1_000, pingMs: 500, rate: 500 },
  full: {
    ...{
      connections: 15_000,
      settleMs: 10_000,
      restMs: 40_000,
      sendMs: 30_000,
    },
    ...{ pingMs: 20_000, rate: 10_000 },
  },
};

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const { connections, settleMs, ...load } = quick ? sizes.quick : sizes.full;
  if (openFileLimit() < connections + 500)
    throw new Error(`${connections} connections need as many open files: raise ulimit -n`);
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-idle-'));
  try {
    log(`registering ${count(connections)} devices`);
    const devices = await withHub((hub) => registerDevices(hub, connections), { dataDir });
    return await withHub(
      async (hub) => {
        await pause(settleMs);
        await collectGarbage(hub);
        const before = usage(hub.pid);
        log('connecting');
        const began = performance.now();
        const idle = startApart('idle', { port: hub.mqttPort, devices, ...load });
        await idle.ready;
        const connectMs = performance.now() - began;
        log('idle');
        const connected = usage(hub.pid);
        await pause(load.restMs * 0.9);
        const cpu = (usage(hub.pid).cpuMs - connected.cpuMs) / (load.restMs * 0.9);
        await collectGarbage(hub);
        const after = usage(hub.pid);
        log('reporting');
        const outcome = await idle.result;
        const end = usage(hub.pid);
        const account = await settledAccount(hub, 'mqtt', outcome.sent);
        await hub.kill();
        assertSame('acknowledged messages in the file', outcome.sent, await countReadings(dataDir));
        const kib = (after.rss - before.rss) / 1024 / connections;
        return {
          name: `Idle connections, ${count(connections)} in one process`,
          results: [
            {
              measure: 'memory of a connection',
              value: `${kib.toFixed(1)} KiB`,
              ...against(kib, '<=', 20, (one) => `${one} KiB`),
            },
            {
              measure: 'resident memory of the hub without and with them',
              value: `${megabytes(before.rss)}, ${megabytes(after.rss)}`,
            },
            {
              measure: 'connections opened a second',
              value: count((connections * 1000) / connectMs),
            },
            {
              measure: 'processor time while idle, share of one core',
              value: `${(cpu * 100).toFixed(1)} %`,
            },
            {
              measure: 'pings, answered',
              value: `${count(outcome.pings)}, ${count(outcome.answers)}`,
              target: 'all',
              met: outcome.answers === outcome.pings,
            },
            {
              measure: 'messages a second over them, all acknowledged and stored',
              value: count(outcome.rate),
              ...against(Math.round(outcome.rate), '>=', load.rate * 0.99, () => count(load.rate)),
            },
            { measure: 'time to acknowledgement', value: timesToMax(outcome.times) },
            { measure: 'acknowledgements out of order', ...none(outcome.outOfOrder) },
            {
              measure: 'processor time of the hub for a message',
              value: micros(((end.cpuMs - after.cpuMs) * 1000) / outcome.sent),
            },
            { measure: 'most resident memory of the hub', value: megabytes(end.peakRss) },
          ],
          figures: { kib, before, after, end, connectMs, outcome, account },
        };
      },
      { dataDir, nodeOptions: inspectorOptions },
    );
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
