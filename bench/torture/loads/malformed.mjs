// Packets and bodies that are wrong, over every way into the hub.
import { request, Agent } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import mqttPacket from 'mqtt-packet';
import { WebSocket } from 'ws';
import { openMqtt } from '../mqtt-raw.mjs';
import { createRandom, mutateBytes, mutateDocument, pick, strangeValues } from '../mutate.mjs';

/** @typedef {import('../mqtt-raw.mjs').Device} Device */
/** @typedef {{ url: string, port: number, device: Device, key: string, random: () => number, strange: unknown[] }} Attack */

/** Sends until it may stop; each answers how many it has sent. @typedef {(attack: Attack, count: number) => Promise<void>} Way */

/**
 * A quarter of `count` over each way, by several clients at a time.
 * @param {{ url: string, port: number, devices: Device[], adminKey: string, count: number, seed: number }} options
 * @returns {Promise<{ sent: number }>}
 */
export async function run({ url, port, devices, adminKey, count, seed }) {
  const strange = strangeValues(seed);
  /** @type {Way[]} */
  const ways = [mqttPackets, telemetryPayloads, httpBodies, webSocketBodies];
  const share = Math.ceil(count / (ways.length * devices.length));
  await Promise.all(
    devices.flatMap((device, index) =>
      ways.map((way, position) => {
        const random = createRandom(seed + index * ways.length + position);
        const key = index % 2 === 0 ? adminKey : device.key;
        return way({ url, port, device, key, random, strange }, share);
      }),
    ),
  );
  return { sent: share * ways.length * devices.length };
}

/** @param {Device} device @returns {any[]} one of each */
const packetsOf = ({ id, key }) => {
  const topic = `llm-iot/devices/${id}`;
  const publish = {
    cmd: 'publish',
    payload: '{"measurement_type":"temperature","value":1}',
    dup: false,
    retain: false,
  };
  return [
    { ...publish, topic: `${topic}/telemetry`, qos: 0 },
    { ...publish, topic: `${topic}/telemetry`, qos: 1, messageId: 5 },
    { ...publish, topic: `${topic}/status`, qos: 2, messageId: 6, retain: true },
    { cmd: 'pubrel', messageId: 6 },
    { cmd: 'puback', messageId: 7 },
    { cmd: 'pubrec', messageId: 8 },
    { cmd: 'pubcomp', messageId: 9 },
    {
      cmd: 'subscribe',
      messageId: 10,
      subscriptions: [{ topic: `${topic}/command/request`, qos: 1 }],
    },
    { cmd: 'unsubscribe', messageId: 11, unsubscriptions: [`${topic}/command/request`] },
    { cmd: 'pingreq' },
    {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: id,
      clean: false,
      keepalive: 10,
      username: id,
      password: Buffer.from(key),
      will: { topic: `${topic}/status`, payload: Buffer.from('{}'), qos: 1, retain: true },
    },
  ];
};

const packetsOfOneConnection = 20;

/** Wrong packets; most connections get through the door first. @type {Way} */
async function mqttPackets({ port, device, random }, count) {
  const packets = [4, 5].flatMap((protocolVersion) =>
    packetsOf(device).map((packet) =>
      mqttPacket.generate(
        { ...packet, ...(packet.cmd === 'connect' && { protocolVersion }) },
        { protocolVersion },
      ),
    ),
  );
  const hello = [packets[packets.length / 2 - 1], packets[packets.length - 1]];
  for (let sent = 0; sent < count; sent += packetsOfOneConnection) {
    const wrong = Array.from({ length: Math.min(packetsOfOneConnection, count - sent) }, () =>
      mutateBytes(random, pick(random, packets)),
    );
    const first = random() < 0.8 ? [pick(random, hello)] : [];
    await throwAt(port, Buffer.concat([...first, ...wrong]));
  }
}

/** How long the hub has to close a connection before it is taken for one that it keeps. */
const keptMs = 25;

/** Sends all, and leaves when the hub had time to read it. @param {number} port @param {Buffer} bytes */
async function throwAt(port, bytes) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  await new Promise((resolve) => {
    socket.once('close', resolve);
    socket.write(bytes, () => setTimeout(resolve, keptMs));
  });
  socket.destroy();
}

/** @param {Device} device */
const telemetryOf = ({ id }) => ({
  device_id: id,
  timestamp: new Date().toISOString(),
  data: {
    operational_status: { uptime: 5 },
    live_readings: [
      { measurement_type: 'temperature', value: 20.5, unit: 'celsius', quality: 'good' },
    ],
  },
});

/** @param {Attack} attack @param {unknown} document @returns {Buffer} */
const wrongText = ({ random, strange }, document) =>
  random() < 0.5
    ? mutateBytes(random, Buffer.from(JSON.stringify(document)))
    : Buffer.from(JSON.stringify(mutateDocument(random, document, strange)));

/** Wrong payloads on the topics of a device: each is acknowledged, and the connection lives on. @type {Way} */
async function telemetryPayloads(attack, count) {
  const { port, device } = attack;
  const window = 50;
  const branches = ['telemetry', 'telemetry', 'status', 'command/response'];
  for (let sent = 0; sent < count;) {
    let acknowledged = 0;
    let own = 0;
    const who = { clientId: device.id, username: device.id, password: device.key };
    const socket = await openMqtt(port, who, () => (acknowledged += 1));
    while (sent < count && !socket.destroyed) {
      if (own - acknowledged >= window) {
        await pause(1);
        continue;
      }
      const branch = pick(attack.random, branches);
      const payload = wrongText(attack, telemetryOf(device));
      const topic = `llm-iot/devices/${device.id}/${branch}`;
      const messageId = (own % 65_535) + 1;
      socket.write(
        mqttPacket.generate({
          cmd: 'publish',
          topic,
          payload,
          qos: 1,
          messageId,
          dup: false,
          retain: false,
        }),
      );
      own += 1;
      sent += 1;
    }
    const deadline = performance.now() + 5_000;
    while (acknowledged < own && !socket.destroyed && performance.now() < deadline) await pause(5);
    socket.destroy();
  }
}

/** @param {Device} device @returns {unknown[]} calls that change nothing of importance */
const callsOf = (device) =>
  [
    ['telemetry.update', telemetryOf(device)],
    ['device.list', { status: 'online', limit: 2, labels: ['a'], search: 'x' }],
    ['device.get', { device_id: device.id }],
    ['device.update', { device_id: device.id, name: 'x', labels: ['a', 'b'] }],
    ['device.heartbeat', { device_id: device.id, status: 'online', uptime: 5 }],
    [
      'sensor.discover',
      {
        mcu_id: device.id,
        static_schema: {
          manufacturer: 'Bosch',
          model: 'BMP580',
          communication: { primary_protocol: 'I2C', i2c: { address: '0x47' } },
        },
      },
    ],
    [
      'data.query',
      {
        device_ids: [device.id],
        time_range: { start: 1, end: 2 },
        aggregation: 'avg',
        interval: '1h',
      },
    ],
    ['subscribe', { channels: [`device.${device.id}.telemetry`] }],
    ['schema.list', { kind: 'sensor', limit: 3 }],
    ['alert.list', { state: 'raised', limit: 1 }],
    ['rpc.methods', {}],
    ['hub.info', {}],
  ].map(([method, params], index) => ({ jsonrpc: '2.0', id: index, method, params }));

/** @param {Attack} attack @param {unknown[]} calls */
function wrongBody(attack, calls) {
  const batch = attack.random() < 0.1;
  const document = batch
    ? [pick(attack.random, calls), pick(attack.random, calls)]
    : pick(attack.random, calls);
  return wrongText(attack, document);
}

/** @type {Way} */
async function httpBodies(attack, count) {
  const calls = callsOf(attack.device);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${attack.key}` };
  for (let sent = 0; sent < count; sent++) {
    const body = wrongBody(attack, calls);
    await new Promise((resolve) => {
      const posted = request(`${attack.url}/rpc`, { method: 'POST', agent, headers }, (response) =>
        response.resume().once('close', resolve),
      );
      posted.once('error', resolve);
      posted.end(body);
    });
  }
  agent.destroy();
}

/** Some frames get no answer, so from time to time a call does that must. @type {Way} */
async function webSocketBodies(attack, count) {
  const { url, key, random } = attack;
  const calls = callsOf(attack.device);
  const barrier = JSON.stringify({ jsonrpc: '2.0', id: 'barrier', method: 'hub.health' });
  for (let sent = 0; sent < count;) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
    });
    socket.on('error', () => undefined);
    /** @type {(() => void) | undefined} */
    let passed;
    socket.on('message', (data) => {
      if (data.toString().includes('"barrier"')) passed?.();
    });
    socket.on('close', () => passed?.());
    await new Promise((resolve) => {
      socket.once('open', resolve);
      socket.once('close', resolve);
    });
    while (sent < count && socket.readyState === WebSocket.OPEN) {
      const part = Math.min(30, count - sent);
      for (let i = 0; i < part; i++)
        socket.send(wrongBody(attack, calls), { binary: random() < 0.3 });
      sent += part;
      const through = new Promise((resolve) => (passed = () => resolve(undefined)));
      socket.send(barrier);
      await through;
    }
    socket.terminate();
  }
}
