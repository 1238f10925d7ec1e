// From a device's publish to the update a WebSocket receives.
import { idleAndUnderLoad } from './shared/under-load.mjs';

export const about =
  'From the publish of a reading (QoS 1) to its `stream.update` on a WebSocket that subscribed to this device. ' +
  'A reading is streamed after it is committed, and `mqtt in` gathers for up to 5 ms; both are in these times.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick }) {
  const sizes = quick ? { warmUp: 5, count: 40 } : { warmUp: 100, count: 1_000 };
  const results = await idleAndUnderLoad({
    load: 'live',
    p99Ms: 50,
    devices: 1,
    senders: quick ? 5 : 100,
    rate: quick ? 200 : 2_000,
    optionsOf: ({ url, adminKey, mqttPort: port }, [device]) => ({
      url,
      adminKey,
      port,
      device,
      everyMs: 10,
      ...sizes,
    }),
  });
  return { name: 'Live updates', results };
}
