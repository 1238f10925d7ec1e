// Calls device.execute one after the other, for devices that answer at once.
import { commandFor, connectCommandDevices } from '../devices/command-devices.mjs';
import { createTimes } from '../figures.mjs';
import { createRpcClient } from '../rpc-client.mjs';

/**
 * @param {{ url: string, adminKey: string, port: number, devices: import('../devices/raw-connection.mjs').Device[],
 *   warmUp: number, count: number }} options
 * @returns {Promise<import('../figures.mjs').Figures>} from the call to its answer
 */
export async function run({ url, adminKey, port, devices, warmUp, count }) {
  const answering = await connectCommandDevices(port, devices);
  const client = createRpcClient(url, adminKey);
  const times = createTimes();
  for (let i = 0; i < warmUp + count; i++) {
    const before = performance.now();
    await client.call('device.execute', commandFor(devices[i % devices.length].id, i));
    if (i >= warmUp) times.add(performance.now() - before);
  }
  client.close();
  answering.end();
  return times.figures();
}
