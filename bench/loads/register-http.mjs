// New devices that register over HTTP.
import { createTimes } from '../figures.mjs';
import { eachOf } from '../each-of.mjs';
import { createRpcClient, registration } from '../rpc-client.mjs';

/**
 * @param {{ url: string, registrationKey: string, count: number, atOnce: number }} options
 * @returns {Promise<{ devices: import('../devices/raw-connection.mjs').Device[], seconds: number,
 *   times: import('../figures.mjs').Figures }>} from the call to its answer, on connections that are open already
 */
export async function run({ url, registrationKey, count, atOnce }) {
  const client = createRpcClient(url, registrationKey);
  const times = createTimes();
  await Promise.all(Array.from({ length: atOnce }, () => client.call('hub.health')));
  const begin = performance.now();
  const devices = await eachOf(Array.from({ length: count }), atOnce, async () => {
    const before = performance.now();
    const { device_id: id, api_key: key } = await client.call('device.register', registration);
    times.add(performance.now() - before);
    return { id, key };
  });
  const seconds = (performance.now() - begin) / 1000;
  client.close();
  return { devices, seconds, times: times.figures() };
}
