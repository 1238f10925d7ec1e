// MQTT connections that behave badly: they end when they are ended, and may not read.
import { once } from 'node:events';
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';

/** @typedef {{ id: string, key: string }} Device */

/**
 * Connects; the socket reads on until it is paused. A connection that breaks is not made again.
 * @param {number} port
 * @param {{ clientId: string, username: string, password: string, clean?: boolean }} who
 * @returns {Promise<import('node:net').Socket>}
 */
export async function openMqtt(port, { clientId, username, password, clean = true }) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const connack = new Promise((resolve, reject) => {
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    const read = (/** @type {Buffer} */ chunk) => void parser.parse(chunk);
    parser.once('packet', (packet) => {
      socket.off('data', read);
      if (packet.cmd === 'connack' && packet.returnCode === 0) resolve(undefined);
      else reject(new Error(`${clientId} was refused`));
    });
    socket.on('data', read);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${clientId} was disconnected`)));
  });
  socket.on('error', () => undefined);
  socket.write(
    mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId,
      clean,
      keepalive: 0,
      username,
      password: Buffer.from(password),
    }),
  );
  await connack;
  socket.on('data', () => undefined);
  return socket;
}

/** @param {number} port @param {Device} device */
export const openDevice = (port, { id, key }) =>
  openMqtt(port, { clientId: id, username: id, password: key });

/** @param {import('node:net').Socket} socket @param {readonly { topic: string, qos: 0 | 1 }[]} subscriptions */
export async function subscribe(socket, subscriptions) {
  socket.write(
    mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [...subscriptions] }),
  );
  await once(socket, 'data');
}
