// Devices that answer every command at once.
import { connectDevices } from './mqtt-connection.mjs';

/**
 * @param {number} port @param {readonly import('./raw-connection.mjs').Device[]} devices
 * @returns {Promise<{ end(): void }>}
 */
export async function connectCommandDevices(port, devices) {
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
  return {
    end() {
      for (const connection of connections) connection.end();
    },
  };
}

/** Params of `device.execute` for such a device. @param {string} deviceId @param {number} index of the call */
export const commandFor = (deviceId, index) => ({
  device_id: deviceId,
  command: 'set_target',
  arguments: { celsius: 20 + (index % 5) },
});
