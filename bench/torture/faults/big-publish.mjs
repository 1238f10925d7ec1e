// Messages of 256 MB: announced, begun, trickled.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { openDevice } from '../mqtt-raw.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Clients announce a message of 256 MB and then send nothing, send as much as they can, or send byte by byte: as an ' +
  'MQTT PUBLISH, as an MQTT CONNECT of nobody, as the body of an HTTP request, as a WebSocket frame.';

/** The longest remaining length there is: 268,435,455 bytes. */
const longest = Buffer.from([0xff, 0xff, 0xff, 0x7f]);
const chunk = Buffer.alloc(64 * 1024, 0x61);

/** @typedef {import('node:net').Socket} Socket */

/** What a client does after it has announced the message. @type {Record<string, (socket: Socket) => Promise<void>>} */
const behaviours = {
  nothing: async () => undefined,
  async flood(socket) {
    while (!socket.destroyed) {
      if (!socket.writableNeedDrain) socket.write(chunk);
      else await pause(1);
    }
  },
  async trickle(socket) {
    while (!socket.destroyed) {
      socket.write('a');
      await pause(5);
    }
  },
};

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const each = quick ? 2 : 25;
  const p99Ms = quick ? 1_000 : 50;
  const mostMs = 15_000;
  const done = await trial({
    ...(site && { site }),
    others: [
      { transport: 'mqtt', count: 10, rate: 200, window: 4 },
      { transport: 'http', count: 2, rate: 20, window: 10, batch: 1 },
    ],
    async happen({ site: { hub }, register }) {
      const devices = await register(each);
      /** @type {Record<string, (index: number) => Promise<Socket>>} */
      const announcements = {
        'MQTT PUBLISH': (index) => announcePublish(hub, devices[index]),
        'MQTT CONNECT': () => announce(hub.mqttPort, Buffer.concat([Buffer.from([0x10]), longest])),
        'HTTP body': () => announce(portOf(hub), httpHead(hub)),
        'WebSocket frame': () => announceFrame(hub),
      };
      /** @type {{ what: string, ms: number | undefined }[]} */
      const ends = [];
      for (const [behaviour, act] of Object.entries(behaviours))
        for (const [message, open] of Object.entries(announcements)) {
          const what = `${message}, ${behaviour}`;
          const sockets = await Promise.all(
            Array.from({ length: each }, (_, index) => open(index)),
          );
          const times = await Promise.all(
            sockets.map((socket) => closedWithin(socket, act, mostMs)),
          );
          ends.push(...times.map((ms) => ({ what, ms })));
          log(
            `${what}: cut off within ${Math.round(Math.max(...times.map((ms) => ms ?? NaN)))} ms`,
          );
        }
      return ends;
    },
  });
  const ends = done.happened;
  const open = [...new Set(ends.filter(({ ms }) => ms === undefined).map(({ what }) => what))];
  const slowest = Math.max(...ends.map(({ ms }) => ms ?? 0));
  return outcomeOf(`${ends.length} messages of 256 MB`, done, {
    p99Ms,
    promises: [
      verdict(
        `each is cut off within ${mostMs / 1000} s`,
        open.length === 0,
        open.length === 0 ? `${(slowest / 1000).toFixed(1)} s at most` : `not: ${open.join('; ')}`,
      ),
    ],
    figures: { ends },
  });
}

/** Milliseconds until the hub closed the connection. @param {Socket} socket @param {(socket: Socket) => Promise<void>} act @param {number} mostMs */
async function closedWithin(socket, act, mostMs) {
  const before = performance.now();
  const closed = new Promise((resolve) => {
    if (socket.destroyed) resolve(performance.now() - before);
    socket.once('close', () => resolve(performance.now() - before));
    // It says so and waits for the other side to end, too.
    socket.once('end', () => socket.destroy());
  });
  void act(socket);
  const patience = new AbortController();
  const late = pause(mostMs, undefined, { signal: patience.signal }).catch(() => undefined);
  const ms = await Promise.race([closed, late]);
  patience.abort();
  socket.destroy();
  return /** @type {number | undefined} */ (ms);
}

/** @param {number} port @param {Buffer | string} head @returns {Promise<Socket>} */
function announce(port, head) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  socket.write(head);
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}

/** @param {import('../site.mjs').Hub} hub @param {import('../mqtt-raw.mjs').Device} device */
async function announcePublish({ mqttPort }, device) {
  const socket = await openDevice(mqttPort, device);
  const topic = Buffer.from(`llm-iot/devices/${device.id}/telemetry`);
  const head = Buffer.concat([Buffer.from([0x32]), longest, Buffer.from([0, topic.length]), topic]);
  socket.write(head);
  return socket;
}

/** @param {import('../site.mjs').Hub} hub */
async function announceFrame(hub) {
  const socket = await announce(
    portOf(hub),
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 7).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
      `Authorization: Bearer ${hub.adminKey}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  // A masked text frame of 2^28 bytes, with the mask 0.
  socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]));
  return socket;
}

/** @param {import('../site.mjs').Hub} hub */
const httpHead = ({ adminKey }) =>
  `POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
  `Authorization: Bearer ${adminKey}\r\nContent-Length: ${2 ** 28}\r\n\r\n`;

/** @param {import('../site.mjs').Hub} hub */
const portOf = ({ url }) => Number(new URL(url).port);
