// What people, LLMs and new devices do with a hub all day, a little of each, until told to stop.
import { setTimeout as pause } from 'node:timers/promises';
import { commandFor, connectCommandDevices } from '../devices/command-devices.mjs';
import { createTimes } from '../figures.mjs';
import { createLiveListener } from '../devices/live-listener.mjs';
import { stopped, tellReady } from '../load.mjs';
import { createRpcClient, registration } from '../rpc-client.mjs';

const day = 86_400_000;

/**
 * @typedef {{ commands: number, updates: number, queries: number, registrations: number }} EveryMs milliseconds from
 *   one to the next; a call waits for the answer to the one before
 *
 * @param {{ url: string, adminKey: string, registrationKey: string, port: number,
 *   commandDevices: import('../devices/raw-connection.mjs').Device[], liveDevice: import('../devices/raw-connection.mjs').Device,
 *   queryDevices: import('../devices/raw-connection.mjs').Device[], everyMs: EveryMs }} options
 * @param {AbortSignal} signal
 * @returns {Promise<{ published: number, times: Record<keyof EveryMs, import('../figures.mjs').Figures> }>} `published`
 *   readings
 */
export async function run(options, signal) {
  const { url, adminKey, registrationKey, port, everyMs } = options;
  const { commandDevices, liveDevice, queryDevices } = options;
  const times = {
    commands: createTimes(),
    updates: createTimes(),
    queries: createTimes(),
    registrations: createTimes(),
  };
  const answering = await connectCommandDevices(port, commandDevices);
  const listener = await createLiveListener(
    { url, adminKey, port, device: liveDevice },
    times.updates.add,
  );
  const admin = createRpcClient(url, adminKey);
  const newcomer = createRpcClient(url, registrationKey);

  const works = {
    commands: (/** @type {number} */ i) =>
      admin.call('device.execute', commandFor(commandDevices[i % commandDevices.length].id, i)),
    updates: async () => listener.publish(),
    queries: (/** @type {number} */ i) => {
      const end = Date.now();
      return admin.call('data.query', {
        device_ids: [queryDevices[i % queryDevices.length].id],
        time_range: {
          start: new Date(end - day).toISOString(),
          end: new Date(end).toISOString(),
        },
        aggregation: 'avg',
        interval: '1h',
      });
    },
    registrations: () => newcomer.call('device.register', registration),
  };
  /** @param {keyof EveryMs} kind */
  const repeat = async (kind) => {
    for (let i = 0; !signal.aborted; i++) {
      const before = performance.now();
      await works[kind](i);
      const ms = performance.now() - before;
      if (kind !== 'updates') times[kind].add(ms);
      // Not in step with any timer of the hub.
      await pause(Math.max(0, everyMs[kind] * (0.5 + Math.random()) - ms));
    }
  };
  tellReady(true);
  const kinds = /** @type {(keyof EveryMs)[]} */ (Object.keys(works));
  await Promise.all([stopped(signal), ...kinds.map(repeat)]);
  await pause(1_000);
  listener.end();
  answering.end();
  admin.close();
  newcomer.close();
  const figures = Object.entries(times).map(([kind, one]) => [kind, one.figures()]);
  return { published: listener.published(), times: Object.fromEntries(figures) };
}
