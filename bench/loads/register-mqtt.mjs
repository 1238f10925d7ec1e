// New devices, connected already, that all announce themselves in the same moment.
import { createTimes } from '../figures.mjs';
import { eachOf } from '../each-of.mjs';
import { connect } from '../devices/mqtt-connection.mjs';
import { registration } from '../rpc-client.mjs';

/**
 * @param {{ port: number, registrationKey: string, count: number }} options
 * @returns {Promise<{ seconds: number, times: import('../figures.mjs').Figures }>} from the publish to the answer
 */
export async function run({ port, registrationKey, count }) {
  const names = Array.from({ length: count }, (_, index) => `new-device-${index}`);
  const connections = await eachOf(names, 50, async (clientId) => {
    const connection = await connect({
      port,
      clientId,
      username: 'register',
      password: registrationKey,
    });
    await connection.subscribe(`llm-iot/discovery/response/${clientId}`);
    return connection;
  });
  const times = createTimes();
  const request = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'device.register',
    params: registration,
  });
  const begin = performance.now();
  await Promise.all(
    connections.map(
      (connection) =>
        new Promise((resolve, reject) => {
          connection.onMessage = (_topic, payload) => {
            times.add(performance.now() - begin);
            const { result, error } = JSON.parse(payload.toString());
            if (result?.api_key) resolve(undefined);
            else reject(new Error(JSON.stringify(error)));
          };
          connection.publish('llm-iot/discovery/announce', request);
        }),
    ),
  );
  const seconds = (performance.now() - begin) / 1000;
  for (const connection of connections) connection.end();
  return { seconds, times: times.figures() };
}
