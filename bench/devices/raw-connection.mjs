// An MQTT 3.1.1 connection as bare as it gets: a load generator must cost less than what it measures.
import { connect as connectTcp } from 'node:net';
import mqttPacket from 'mqtt-packet';
import { eachOf } from '../each-of.mjs';

/** @typedef {{ id: string, key: string }} Device */

/**
 * @typedef {object} RawConnection
 * @property {import('node:net').Socket} socket for writing
 * @property {(bytes: Buffer, length: number) => void} onData what came in is in the first `length` bytes, which are
 *   overwritten by the next read
 * @property {() => void} end
 */

// All connections read into the same memory, because what is read is looked at before the next read.
const incoming = Buffer.allocUnsafe(65_536);

/**
 * Connects and waits for the CONNACK. A connection that breaks later ends the process: its figures would be wrong.
 * @param {{ port: number, clientId: string, username: string, password: string, keepalive?: number }} options
 * @returns {Promise<RawConnection>}
 */
export function openConnection({ port, clientId, username, password, keepalive = 0 }) {
  const { promise, resolve, reject } = Promise.withResolvers();
  let ended = false;
  const socket = connectTcp({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: incoming,
      callback(length) {
        connection.onData(incoming, length);
        return true;
      },
    },
  });
  /** @type {RawConnection} */
  const connection = {
    socket,
    onData(bytes, length) {
      if (length === 4 && bytes[0] === 0x20 && bytes[3] === 0) resolve(connection);
      else socket.destroy(new Error(`${clientId}: refused, ${bytes.toString('hex', 0, length)}`));
    },
    end() {
      ended = true;
      socket.destroy();
    },
  };
  socket.on('error', reject);
  socket.on('close', () => {
    reject(new Error(`${clientId}: the broker closed the connection`));
    if (ended) return;
    console.error(`the connection of ${clientId} broke`);
    process.exitCode = 1;
    process.disconnect?.();
  });
  const hello = mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId,
    clean: true,
    keepalive,
    username,
    password: Buffer.from(password),
  });
  socket.on('connect', () => socket.write(hello));
  return promise;
}

/**
 * Every device connected with its own key.
 * @param {number} port @param {readonly Device[]} devices @param {number} [keepalive] seconds
 */
export const openDevices = (port, devices, keepalive) =>
  eachOf(devices, 50, ({ id, key }) =>
    openConnection({ port, clientId: id, username: id, password: key, keepalive }),
  );
