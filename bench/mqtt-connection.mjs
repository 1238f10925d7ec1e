// A lean MQTT 3.1.1 connection: a load generator must cost less than what it measures.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import mqttPacket from 'mqtt-packet';

const kinds = { connack: 2, publish: 3, puback: 4, suback: 9 };

/**
 * @typedef {object} Connection
 * @property {import('node:net').Socket} socket
 * @property {(packet: import('mqtt-packet').Packet) => void} send
 * @property {(topic: string) => Promise<void>} subscribe with QoS 1; resolves when granted
 * @property {(topic: string, payload: string) => void} publish with QoS 1, acknowledged or not
 * @property {((packetId: number) => void) | undefined} onAck
 * @property {((topic: string, payload: Buffer) => void) | undefined} onMessage
 * @property {(() => void) | undefined} onRead after all packets of one read
 * @property {() => void} end
 */

/**
 * Connects and waits for the CONNACK. A connection that breaks later ends the process: its figures would be wrong.
 * @param {{ port: number, clientId: string, username: string, password: string }} options
 * @returns {Promise<Connection>}
 */
export async function connect({ port, clientId, username, password }) {
  const socket = connectTcp(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const accepted = Promise.withResolvers();
  /** @type {Map<number, () => void>} */
  const subscribing = new Map();
  let ended = false;
  let nextId = 1;
  /** @type {Buffer | undefined} */
  let rest;

  /** @type {Connection} */
  const connection = {
    socket,
    send: (packet) => void socket.write(mqttPacket.generate(packet)),
    subscribe(topic) {
      const messageId = takeId();
      const granted = new Promise((resolve) =>
        subscribing.set(messageId, () => resolve(undefined)),
      );
      connection.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 1 }] });
      return granted;
    },
    publish(topic, payload) {
      const messageId = takeId();
      connection.send({
        cmd: 'publish',
        messageId,
        topic,
        payload,
        qos: 1,
        dup: false,
        retain: false,
      });
    },
    onAck: undefined,
    onMessage: undefined,
    onRead: undefined,
    end() {
      ended = true;
      socket.destroy();
    },
  };
  const takeId = () => (nextId = (nextId % 65_535) + 1);

  /** @param {Buffer} data @param {number} start @param {number} head first byte @param {number} end */
  const take = (data, start, head, end) => {
    const kind = head >> 4;
    if (kind === kinds.puback) connection.onAck?.(data.readUInt16BE(start));
    else if (kind === kinds.publish) {
      const topicEnd = start + 2 + data.readUInt16BE(start);
      const topic = data.toString('utf8', start + 2, topicEnd);
      const acknowledged = (head & 6) !== 0;
      if (acknowledged) connection.send({ cmd: 'puback', messageId: data.readUInt16BE(topicEnd) });
      connection.onMessage?.(topic, data.subarray(acknowledged ? topicEnd + 2 : topicEnd, end));
    } else if (kind === kinds.suback) {
      if (data[end - 1] === 128) socket.destroy(new Error('subscription refused'));
      else subscribing.get(data.readUInt16BE(start))?.();
    } else if (kind === kinds.connack) {
      if (data[start + 1] === 0) accepted.resolve(undefined);
      else accepted.reject(new Error(`connection refused with ${data[start + 1]}`));
    }
  };
  socket.on('data', (chunk) => {
    const data = rest ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const body = bodyOf(data, at);
      if (!body) break;
      take(data, body.start, data[at], body.end);
      at = body.end;
    }
    rest = at < data.length ? data.subarray(at) : undefined;
    connection.onRead?.();
  });
  socket.on('error', (error) => accepted.reject(error));
  socket.on('close', () => {
    accepted.reject(new Error('the broker closed the connection'));
    if (ended) return;
    console.error(`the connection of ${clientId} broke`);
    process.exitCode = 1;
    process.disconnect?.();
  });
  connection.send({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId,
    clean: true,
    keepalive: 0,
    username,
    password: Buffer.from(password),
  });
  await accepted.promise;
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

/**
 * Does something with each item, at most `most` at a time.
 * @template T, R
 * @param {readonly T[]} items @param {number} most @param {(item: T, index: number) => Promise<R>} work
 * @returns {Promise<R[]>}
 */
export async function eachOf(items, most, work) {
  /** @type {R[]} */
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return results;
}

/** @typedef {{ id: string, key: string }} Device */

/** Every device connected with its own key. @param {number} port @param {readonly Device[]} devices */
export const connectDevices = (port, devices) =>
  eachOf(devices, 50, ({ id, key }) =>
    connect({ port, clientId: id, username: id, password: key }),
  );
