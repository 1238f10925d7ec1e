// Connecting to the hub's broker, and asking it something over MQTT.
import mqtt from 'mqtt';
import { RpcFailure } from './rpc-failure.mjs';

/** How long the hub may take to acknowledge or to answer. */
const patienceMs = 15_000;

/**
 * @param {string} url
 * @param {mqtt.IClientOptions} options
 * @param {string} keyName what the password is, for the error
 * @returns {Promise<mqtt.MqttClient>}
 */
export async function connect(url, options, keyName) {
  try {
    return await mqtt.connectAsync(
      url,
      { connectTimeout: patienceMs, keepalive: 30, reconnectPeriod: 1_000, ...options },
      false,
    );
  } catch (error) {
    const { code, message } = /** @type {{ code?: string | number, message: string }} */ (error);
    if (code === 'ECONNREFUSED')
      throw new Error(`Nobody listens at ${url}. Start the hub first: npm start`, { cause: error });
    // 4 and 5 are the refusals of MQTT 3.1.1, 134 and 135 those of MQTT 5.
    if ([4, 5, 134, 135].includes(Number(code)))
      throw new Error(`The hub at ${url} does not accept the ${keyName}.`, { cause: error });
    throw new Error(`No connection to ${url}: ${message || code}`, { cause: error });
  }
}

/**
 * Publishes with QoS 1; resolves when the hub has acknowledged.
 * @param {mqtt.MqttClient} client @param {string} topic @param {unknown} content @param {mqtt.IClientPublishOptions} [options]
 */
export function publish(client, topic, content, options = {}) {
  return within(
    client.publishAsync(topic, JSON.stringify(content), { qos: 1, ...options }),
    `the hub did not acknowledge a message to ${topic}`,
  );
}

/**
 * Asks by JSON-RPC over `llm-iot/discovery/announce`: with the response topic and correlation data
 * of MQTT 5, or without, as an MQTT 3.1.1 device does.
 * @param {mqtt.MqttClient} client
 * @returns {Promise<(method: string, params: object) => Promise<any>>} rejects with RpcFailure
 */
export async function openDiscovery(client) {
  const { clientId, protocolVersion } = client.options;
  const responseTopic = `llm-iot/discovery/response/${clientId}`;
  /** @type {Map<string, (answer: any) => void>} */
  const waiting = new Map();
  let asked = 0;

  client.on('message', (topic, payload, packet) => {
    if (topic !== responseTopic) return;
    const answer = JSON.parse(payload.toString());
    const id = packet.properties?.correlationData?.toString() ?? String(answer.id);
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  await client.subscribeAsync(responseTopic, { qos: 1 });

  return async (method, params) => {
    const id = `${method}-${++asked}`;
    const answered = new Promise((resolve) => waiting.set(id, resolve));
    await publish(
      client,
      'llm-iot/discovery/announce',
      { jsonrpc: '2.0', id, method, params },
      protocolVersion === 5
        ? { properties: { responseTopic, correlationData: Buffer.from(id) } }
        : {},
    );
    const answer = await within(answered, `the hub did not answer ${method} on ${responseTopic}`);
    if (answer.error) throw new RpcFailure(method, answer.error);
    return answer.result;
  };
}

/**
 * @template T
 * @param {Promise<T>} work @param {string} complaint
 * @returns {Promise<T>}
 */
export async function within(work, complaint) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${complaint} within ${patienceMs / 1000} s`)),
      patienceMs,
    );
  });
  try {
    return /** @type {T} */ (await Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
  }
}
