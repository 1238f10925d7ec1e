// Calls device.execute one after the other, for devices that answer at once.
import { createTimes } from '../figures.mjs';
import { connectDevices } from '../mqtt-connection.mjs';
import { createRpcClient } from '../rpc-client.mjs';

/**
 * @param {{ url: string, adminKey: string, port: number, devices: import('../mqtt-connection.mjs').Device[],
 *   warmUp: number, count: number }} options
 * @returns {Promise<import('../figures.mjs').Figures>} from the call to its answer
 */
export async function run({ url, adminKey, port, devices, warmUp, count }) {
  const connections = await connectDevices(port, devices);
  await Promise.all(
    connections.map((connection, index) => {
      const topic = `llm-iot/devices/${devices[index].id}/command`;
      connection.onMessage = (_topic, payload) => {
        const { id, params } = JSON.parse(payload.toString());
        const answer = { jsonrpc: '2.0', id, result: { applied_config: params } };
        connection.publish(`${topic}/response`, JSON.stringify(answer));
      };
      return connection.subscribe(`${topic}/request`);
    }),
  );
  const client = createRpcClient(url, adminKey);
  const times = createTimes();
  for (let i = 0; i < warmUp + count; i++) {
    const before = performance.now();
    await client.call('device.execute', {
      device_id: devices[i % devices.length].id,
      command: 'set_target',
      arguments: { celsius: 20 + (i % 5) },
    });
    if (i >= warmUp) times.add(performance.now() - before);
  }
  client.close();
  for (const connection of connections) connection.end();
  return times.figures();
}
