// A device that listens too: subscribes, publishes and receives. For many messages there is `sender.mjs`.
import mqttPacket from 'mqtt-packet';
import { eachOf } from '../each-of.mjs';
import { openConnection } from './raw-connection.mjs';

const kinds = { publish: 3, suback: 9 };

/**
 * @typedef {object} Connection
 * @property {(topic: string) => Promise<void>} subscribe with QoS 1; resolves when granted
 * @property {(topic: string, payload: string) => void} publish with QoS 1, acknowledged or not
 * @property {((topic: string, payload: Buffer) => void) | undefined} onMessage
 * @property {() => void} end
 */

/**
 * @param {Parameters<typeof openConnection>[0]} options
 * @returns {Promise<Connection>}
 */
export async function connect(options) {
  const raw = await openConnection(options);
  /** @type {Map<number, () => void>} */
  const subscribing = new Map();
  let nextId = 1;
  /** @type {Buffer | undefined} */
  let rest;
  const takeId = () => (nextId = (nextId % 65_535) + 1);
  const send = (/** @type {import('mqtt-packet').Packet} */ packet) =>
    void raw.socket.write(mqttPacket.generate(packet));

  /** @type {Connection} */
  const connection = {
    subscribe(topic) {
      const messageId = takeId();
      const granted = new Promise((resolve) =>
        subscribing.set(messageId, () => resolve(undefined)),
      );
      send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 1 }] });
      return granted;
    },
    publish(topic, payload) {
      const messageId = takeId();
      send({ cmd: 'publish', messageId, topic, payload, qos: 1, dup: false, retain: false });
    },
    onMessage: undefined,
    end: raw.end,
  };

  /** @param {Buffer} data @param {number} start @param {number} head first byte @param {number} end */
  const take = (data, start, head, end) => {
    const kind = head >> 4;
    if (kind === kinds.publish) {
      const topicEnd = start + 2 + data.readUInt16BE(start);
      const topic = data.toString('utf8', start + 2, topicEnd);
      const acknowledged = (head & 6) !== 0;
      if (acknowledged) send({ cmd: 'puback', messageId: data.readUInt16BE(topicEnd) });
      connection.onMessage?.(topic, data.subarray(acknowledged ? topicEnd + 2 : topicEnd, end));
    } else if (kind === kinds.suback) {
      if (data[end - 1] === 128) raw.socket.destroy(new Error('subscription refused'));
      else subscribing.get(data.readUInt16BE(start))?.();
    }
  };
  raw.onData = (bytes, length) => {
    const chunk = Buffer.from(bytes.subarray(0, length));
    const data = rest ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const body = bodyOf(data, at);
      if (!body) break;
      take(data, body.start, data[at], body.end);
      at = body.end;
    }
    rest = at < data.length ? data.subarray(at) : undefined;
  };
  return connection;
}

/**
 * Where the body of the packet at `at` is, if all of it is there.
 * @param {Buffer} data @param {number} at
 */
function bodyOf(data, at) {
  let length = 0;
  for (let i = 1; i < 5 && at + i < data.length; i++) {
    const byte = data[at + i];
    length += (byte & 127) << (7 * (i - 1));
    if (byte > 127) continue;
    const start = at + i + 1;
    return start + length <= data.length ? { start, end: start + length } : undefined;
  }
  return undefined;
}

/** Every device connected with its own key. @param {number} port @param {readonly Device[]} devices */
export const connectDevices = (port, devices) =>
  eachOf(devices, 50, ({ id, key }) =>
    connect({ port, clientId: id, username: id, password: key }),
  );

/** @typedef {import('./raw-connection.mjs').Device} Device */
