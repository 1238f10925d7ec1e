// MQTT connections that behave badly: they end when they are ended, and may not read.
import { once } from 'node:events';
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';

/** @typedef {{ id: string, key: string }} Device */

/**
 * Connects; the socket reads on until it is paused. A connection that breaks is not made again.
 * @param {number} port
 * @param {{ clientId: string, username: string, password: string, clean?: boolean }} who
 * @param {(packet: import('mqtt-packet').Packet) => void} [onPacket] gets what comes after the CONNACK
 * @returns {Promise<import('node:net').Socket>}
 */
export async function openMqtt(port, who, onPacket = () => undefined) {
  const { clientId, username, password, clean = true } = who;
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const accepted = Promise.withResolvers();
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  parser.on('packet', (packet) => {
    if (packet.cmd !== 'connack') onPacket(packet);
    else if (packet.returnCode === 0) accepted.resolve(undefined);
    else accepted.reject(new Error(`${clientId} was refused with ${packet.returnCode}`));
  });
  socket.on('data', (chunk) => void parser.parse(chunk));
  socket.on('error', accepted.reject);
  socket.on('close', () => accepted.reject(new Error(`${clientId} was disconnected`)));
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
  await accepted.promise;
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
