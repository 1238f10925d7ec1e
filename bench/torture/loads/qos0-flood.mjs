// Devices that send as fast as their sockets take it, and ask for no acknowledgement.
import { setTimeout as pause } from 'node:timers/promises';
import mqttPacket from 'mqtt-packet';
import { createJournal } from '../journal.mjs';
import { openDevice } from '../mqtt-raw.mjs';
import { createReadingPackets } from '../reading-packets.mjs';

const burst = 200;

/**
 * @param {{ port: number, devices: import('../mqtt-raw.mjs').Device[], runMs: number }} options
 * @returns {Promise<{ sent: number, lost: number, journals: import('../journal.mjs').Journal[] }>} once every byte is
 *   sent and the hub has closed the connections, which were ended properly; `lost` ended otherwise
 */
export async function run({ port, devices, runMs }) {
  const end = performance.now() + runMs;
  let lost = 0;
  const journals = await Promise.all(
    devices.map(async (device) => {
      const journal = createJournal(device.id);
      const packets = createReadingPackets(device.id, journal, { version: 4, qos: 0 });
      const socket = await openDevice(port, device);
      while (performance.now() < end && !socket.destroyed) {
        const bytes = Buffer.allocUnsafe(burst * packets.length);
        for (let i = 0; i < burst; i++)
          packets.write(bytes, i * packets.length, journal.next(), 0, false);
        await written(socket, bytes);
      }
      if (socket.destroyed) lost += 1;
      else await leave(socket);
      return journal.close();
    }),
  );
  const sent = journals.reduce((sum, { fates }) => sum + fates.length, 0);
  return { sent, lost, journals };
}

/** Resolves when there is room for more. @param {import('node:net').Socket} socket @param {Buffer} bytes */
async function written(socket, bytes) {
  socket.write(bytes);
  while (socket.writableNeedDrain && !socket.destroyed) await pause(2);
}

/** @param {import('node:net').Socket} socket */
async function leave(socket) {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.end(mqttPacket.generate({ cmd: 'disconnect' }));
  await closed;
}
