// Many clients with one client id: each takes the session over from the one before.
import { setTimeout as pause } from 'node:timers/promises';
import mqttPacket from 'mqtt-packet';
import { connect } from 'node:net';
import { createJournal, fates } from '../journal.mjs';
import { createReadingPackets } from '../reading-packets.mjs';

/**
 * @param {{ port: number, device: import('../mqtt-raw.mjs').Device, clients: number, keepSession: boolean,
 *   runMs: number }} options each client connects again as soon as it lost its connection
 * @returns {Promise<{ connections: number, refused: number, journals: import('../journal.mjs').Journal[] }>}
 */
export async function run({ port, device, clients, keepSession, runMs }) {
  const journal = createJournal(device.id);
  const packets = createReadingPackets(device.id, journal, { version: 4, qos: 1 });
  const connectPacket = mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: device.id,
    clean: !keepSession,
    keepalive: 0,
    username: device.id,
    password: Buffer.from(device.key),
  });
  const end = performance.now() + runMs;
  let connections = 0;
  let refused = 0;

  const oneConnection = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(connectPacket));
      const parser = mqttPacket.parser({ protocolVersion: 4 });
      const timer = setTimeout(() => socket.destroy(), Math.max(0, end - performance.now()));
      let reading = -1;
      const report = () => {
        reading = journal.next();
        const packet = Buffer.allocUnsafe(packets.length);
        packets.write(packet, 0, reading, 1, false);
        socket.write(packet);
      };
      parser.on('packet', (packet) => {
        if (packet.cmd === 'connack' && packet.returnCode === 0) {
          connections += 1;
          report();
        } else if (packet.cmd === 'connack') refused += 1;
        else if (packet.cmd === 'puback') {
          journal.note(reading, fates.acknowledged);
          report();
        }
      });
      socket.on('data', (chunk) => void parser.parse(chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  const client = async () => {
    while (performance.now() < end) {
      await oneConnection();
      await pause(1);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { connections, refused, journals: [journal.close()] };
}
