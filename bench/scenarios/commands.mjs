// A command's whole way: HTTP, hub, MQTT, device, and back.
import { idleAndUnderLoad } from './shared/under-load.mjs';

export const about =
  'One `device.execute` after the other over HTTP, for devices on MQTT that answer at once; each command is ' +
  'also written to the database twice on its way.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick }) {
  const sizes = quick ? { warmUp: 5, count: 40 } : { warmUp: 200, count: 2_000 };
  const results = await idleAndUnderLoad({
    load: 'commands',
    p99Ms: 1_000,
    devices: quick ? 5 : 50,
    senders: quick ? 5 : 100,
    rate: quick ? 200 : 2_000,
    optionsOf: ({ url, adminKey, mqttPort: port }, devices) => ({
      url,
      adminKey,
      port,
      devices,
      ...sizes,
    }),
  });
  return { name: 'Commands, from the call to its answer', results };
}
