// JSON-RPC over HTTP, on connections that stay open.
import { Agent, request } from 'node:http';

/**
 * @param {string} url of the hub
 * @param {string} key
 * @returns {{ call(method: string, params?: object): Promise<any>, close(): void }} `call` resolves with the result
 *   and rejects with the error
 */
export function createRpcClient(url, key) {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: Infinity, noDelay: true });
  const post = (/** @type {string} */ body) =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        authorization: `Bearer ${key}`,
      };
      const sent = request(`${url}/rpc`, { method: 'POST', agent, headers }, (response) => {
        /** @type {Buffer[]} */
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    async call(method, params = {}) {
      const answer = await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
      if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
      return answer.result;
    },
    close: () => agent.destroy(),
  };
}

/** Params of `device.register` for a device that measures a temperature and obeys one command. */
export const registration = {
  device_type: 'mcu',
  name: 'bench',
  heartbeat_interval: 3600,
  static_schema: {
    manufacturer: 'Espressif',
    model: 'ESP32-S3',
    firmware_version: '1.2.0',
    measurements: [{ measurement_type: 'temperature', unit: 'celsius' }],
    commands: { set_target: { arguments: { celsius: 'number' } } },
  },
};
