// Clients with a valid key that call one after the other, at a steady rate.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../figures.mjs';
import { createRpcClient } from '../rpc-client.mjs';

/**
 * @param {{ url: string, adminKey: string, deviceIds: string[], clients: number, warmUpMs: number, runMs: number,
 *   everyMs: number }} options each client calls `device.get` every `everyMs`
 * @returns {Promise<import('../figures.mjs').Figures>} from the call to its answer
 */
export async function run({ url, adminKey, deviceIds, clients, warmUpMs, runMs, everyMs }) {
  const times = createTimes();
  const begin = performance.now();
  const from = begin + warmUpMs;
  const end = from + runMs;
  const client = async (/** @type {number} */ index) => {
    const rpc = createRpcClient(url, adminKey);
    for (let i = index; performance.now() < end; i++) {
      const before = performance.now();
      await rpc.call('device.get', { device_id: deviceIds[i % deviceIds.length] });
      const after = performance.now();
      if (before >= from) times.add(after - before);
      // Not in step with any timer of the hub.
      await pause(everyMs * (0.5 + Math.random()));
    }
    rpc.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return times.figures();
}
