// Clients that send what has to be answered, and never read an answer.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createJournal, timeOf, valueOf } from '../journal.mjs';
import { openDevice } from '../mqtt-raw.mjs';
import { createReadingPackets } from '../reading-packets.mjs';

const burst = 200;

/** @typedef {import('../mqtt-raw.mjs').Device} Device @typedef {import('node:net').Socket} Socket */
/** @typedef {{ url: string, port: number, runMs: number }} Where */

/**
 * A third of the devices over each transport.
 * @param {Where & { devices: Device[] }} options
 * @returns {Promise<{ sent: number, cut: number, journals: import('../journal.mjs').Journal[] }>} `cut`: clients that
 *   the hub disconnected
 */
export async function run({ devices, ...where }) {
  const ways = [overMqtt, overHttp, overWebSocket];
  const ended = await Promise.all(
    devices.map((device, index) => flood(where, device, ways[index % ways.length])),
  );
  const journals = ended.map(({ journal }) => journal);
  return {
    sent: journals.reduce((sum, { fates }) => sum + fates.length, 0),
    cut: ended.filter(({ cut }) => cut).length,
    journals,
  };
}

/**
 * @typedef {{ socket: Socket, next: () => Buffer }} Sender `next` makes what is sent next
 * @typedef {(where: Where, device: Device, journal: import('../journal.mjs').OpenJournal) => Promise<Sender>} Way
 */

/** @param {Where} where @param {Device} device @param {Way} way */
async function flood(where, device, way) {
  const journal = createJournal(device.id);
  const { socket, next } = await way(where, device, journal);
  socket.pause();
  const end = performance.now() + where.runMs;
  while (performance.now() < end && !socket.destroyed) {
    if (socket.writableNeedDrain) await pause(5);
    else socket.write(next());
  }
  const cut = socket.destroyed;
  socket.destroy();
  return { journal: journal.close(), cut };
}

/** @type {Way} */
async function overMqtt({ port }, device, journal) {
  const packets = createReadingPackets(device.id, journal, { version: 4, qos: 1 });
  let id = 0;
  return {
    socket: await openDevice(port, device),
    next() {
      const bytes = Buffer.allocUnsafe(burst * packets.length);
      for (let i = 0; i < burst; i++) {
        id = (id % 65_535) + 1;
        packets.write(bytes, i * packets.length, journal.next(), id, false);
      }
      return bytes;
    },
  };
}

/** @type {Way} */
async function overHttp({ url }, device, journal) {
  return {
    socket: await open(url),
    next() {
      const body = bodyOf(device, journal);
      return Buffer.from(
        `POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
          `Authorization: Bearer ${device.key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    },
  };
}

/** @type {Way} */
async function overWebSocket({ url }, device, journal) {
  const socket = await open(url);
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 7).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
      `Authorization: Bearer ${device.key}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  return {
    socket,
    next() {
      const body = Buffer.from(bodyOf(device, journal));
      // A text frame with the mask 0, its length in two bytes.
      const head = Buffer.from([0x81, 0xfe, 0, 0, 0, 0, 0, 0]);
      head.writeUInt16BE(body.length, 2);
      return Buffer.concat([head, body]);
    },
  };
}

/** A call with ten readings, all of ASCII. @param {Device} device @param {import('../journal.mjs').OpenJournal} journal */
function bodyOf({ id }, journal) {
  const live = Array.from({ length: 10 }, () => {
    const n = journal.next();
    const timestamp = timeOf(journal, n);
    return { measurement_type: 'temperature', value: valueOf(n), unit: 'celsius', timestamp };
  });
  return JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'telemetry.update',
    params: { device_id: id, data: { live_readings: live } },
  });
}

/** @param {string} url @returns {Promise<Socket>} */
function open(url) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}
