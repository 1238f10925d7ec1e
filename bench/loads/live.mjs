// A device publishes readings, a WebSocket listens to them.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../figures.mjs';
import { createLiveListener } from '../devices/live-listener.mjs';

/**
 * @param {{ url: string, adminKey: string, port: number, device: import('../devices/raw-connection.mjs').Device,
 *   warmUp: number, count: number, everyMs: number }} options
 * @returns {Promise<import('../figures.mjs').Figures>} from the publish to the update
 */
export async function run({ url, adminKey, port, device, warmUp, count, everyMs }) {
  const times = createTimes();
  let received = 0;
  const all = Promise.withResolvers();
  const listener = await createLiveListener({ url, adminKey, port, device }, (ms, index) => {
    if (index >= warmUp) times.add(ms);
    received += 1;
    if (received === warmUp + count) all.resolve(undefined);
  });
  for (let i = 0; i < warmUp + count; i++) {
    listener.publish();
    // Not in step with any timer of the hub.
    await pause(everyMs * (0.5 + Math.random()));
  }
  await all.promise;
  listener.end();
  return times.figures();
}
