// The hub's clock jumps.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, call, joinDevice } from '../../../test/support/hub-client.ts';
import { outcomeOf, verdict } from '../outcome.mjs';
import { registerDevices, slowestRecovery } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'The clock of the hub is set a day forward, back, a day backward and back while devices report. After each jump a ' +
  'device carries out a command, reports without a time, and is asked whether it is online; and a device that goes ' +
  'silent right after the jump is looked for.';

const day = 86_400_000;
const allJumps = [
  { name: 'a day forward', shift: day },
  { name: 'back', shift: 0 },
  { name: 'a day backward', shift: -day },
  { name: 'forward again', shift: 0 },
];
/** Seconds between the signs of life of a device here; two and a half of them make it offline. */
const heartbeat = 1;
const silenceMs = 2_500;

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const jumps = quick ? allJumps.slice(0, 2) : allJumps;
  const folder = mkdtempSync(join(tmpdir(), 'llm-iot-clock-'));
  const file = join(folder, 'shift');
  const preload = new URL('../fake-time.mjs', import.meta.url).href;
  try {
    const done = await trial({
      site: { env: { NODE_OPTIONS: `--import=${preload}`, TORTURE_CLOCK_FILE: file } },
      load: [
        { transport: 'mqtt', count: 50, rate: 100, heartbeat },
        { transport: 'mqtt', count: 10, rate: 1_000, window: 16 },
        { transport: 'http', count: 2, rate: 100, window: 60, batch: 20 },
        { transport: 'websocket', count: 2, rate: 100, window: 60, batch: 20 },
      ],
      async happen({ site }) {
        const { hub } = site;
        const device = await joinDevice(hub, worker);
        await device.onCommand(() => ({ result: { done: true } }));
        const stages = [];
        /** @type {Set<string>} */
        const told = new Set();
        for (const { name, shift } of jumps) {
          await pause(quick ? 0 : 3_000);
          const [silent] = await registerDevices(site, 1, heartbeat);
          told.add(silent.id);
          writeFileSync(file, String(shift));
          const at = Date.now();
          await pause(silenceMs + (quick ? 700 : 5_000));
          stages.push({ name, at, ...(await stateOf(hub, device, silent, shift, told)) });
          log(name);
        }
        await device.end();
        return stages;
      },
    });
    const stages = done.happened;
    /** @param {string} promise @param {(stage: (typeof stages)[0]) => boolean} isKept */
    const afterEach = (promise, isKept) => {
      const broken = stages.filter((stage) => !isKept(stage)).map(({ name }) => name);
      return verdict(promise, broken.length === 0, broken.join(', ') || 'after each jump');
    };
    return outcomeOf(`the clock jumps by a day, ${jumps.length} times`, done, {
      recovered: {
        ms: slowestRecovery(
          done.load,
          stages.map(({ at }) => at),
        ),
        withinMs: 2_000,
      },
      promises: [
        afterEach('the hub is up', ({ up }) => up),
        afterEach(
          'no device that reports is taken for offline',
          ({ falseAlarms }) => falseAlarms === 0,
        ),
        afterEach(
          'a device that goes silent is offline in time',
          ({ silentIsOffline }) => silentIsOffline,
        ),
        afterEach('commands are carried out', ({ obeyed }) => obeyed),
        afterEach("readings without a time get the hub's", ({ untimed }) => untimed),
      ],
      figures: { stages },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Registration of a device that takes commands. */
const worker = {
  device_type: 'mcu',
  heartbeat_interval: 3_600,
  static_schema: {
    manufacturer: 'Espressif',
    model: 'ESP32-S3',
    firmware_version: '1.2.0',
    measurements: [{ measurement_type: 'humidity', unit: 'percent' }],
    commands: { blink: { arguments: {} } },
  },
};

/**
 * @param {import('../site.mjs').Hub} hub @param {import('../../../test/support/hub-client.ts').TestDevice} device
 * @param {{ id: string }} silent @param {number} shift @param {Set<string>} told devices whose alarms are known
 */
async function stateOf(hub, device, silent, shift, told) {
  const { result: health } = await call(hub, 'hub.health');
  await device.publish('telemetry', { measurement_type: 'humidity', value: 50, unit: 'percent' });
  const { result: command } = await call(hub, 'device.execute', {
    device_id: device.id,
    command: 'blink',
    arguments: {},
    timeout_ms: 5_000,
  });
  const { status } = await ask(hub, 'device.get', { device_id: silent.id });
  // Gone, so that the next jump finds no alarm of it.
  await ask(hub, 'device.remove', { device_id: silent.id });
  const now = Date.now() + shift;
  const { result: found } = await call(hub, 'data.query', {
    device_ids: [device.id],
    measurement_types: ['humidity'],
    time_range: { start: now - 60_000, end: now + 60_000 },
  });
  return {
    up: health?.status === 'up',
    falseAlarms: await newOfflineAlarms(hub, told),
    silentIsOffline: status === 'offline',
    obeyed: command?.done === true || command?.result?.done === true,
    untimed: (found?.series[0]?.points.length ?? 0) > 0,
  };
}

/** How many more devices were ever said to be offline. @param {import('../site.mjs').Hub} hub @param {Set<string>} told */
async function newOfflineAlarms(hub, told) {
  const before = told.size;
  for (const state of ['raised', 'cleared']) {
    const { alerts } = await ask(hub, 'alert.list', { state, limit: 1_000 });
    for (const { kind, device_id: id } of alerts) if (kind === 'offline') told.add(id);
  }
  return told.size - before;
}
