// A device that reports over MQTT and does not give up: it connects again, and sends again what was not acknowledged.
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';
import { fates } from './journal.mjs';
import { createReadingPackets } from './reading-packets.mjs';

/** MQTT 5: what must not be sent again, because it would be refused again. */
const refusedForGood = new Set([0x87, 0x90, 0x99]);

/**
 * @typedef {object} Reporter
 * @property {() => void} start
 * @property {() => number} room how many readings it would send now
 * @property {(count: number) => void} report sends this many new readings, no more than there is room for
 * @property {() => number} waiting readings that have no answer yet
 * @property {(oldest: number) => void} check does something about readings without an answer since before `oldest`
 * @property {() => void} end
 *
 * @typedef {object} Telling what a reporter tells; times are of performance.now()
 * @property {(readings: number, sentAt: number) => void} acknowledged
 * @property {(cause: string) => void} trouble a refusal, a broken connection, a missing answer
 * @property {(sessionPresent: boolean) => void} connected
 * @property {() => void} roomy there is room for more
 */

/**
 * @param {object} options
 * @param {number} options.port
 * @param {{ id: string, key: string }} options.device
 * @param {import('./journal.mjs').OpenJournal} options.journal
 * @param {4 | 5} options.version
 * @param {number} options.window readings in flight
 * @param {boolean} options.keepSession
 * @param {[number, number]} options.reconnectMs waits for a random time between these before it connects again
 * @param {Telling} options.tell
 * @returns {Reporter}
 */
export function createMqttReporter(options) {
  const { port, device, journal, version, window, keepSession, reconnectMs, tell } = options;
  const packets = createReadingPackets(device.id, journal, { version, qos: 1 });
  const sentAt = new Float64Array(window + 1);
  /** The reading of each packet id, -1 where there is none. */
  const inFlight = new Int32Array(window + 1).fill(-1);
  const free = Array.from({ length: window }, (_, index) => window - index);
  /** @type {import('node:net').Socket | undefined} */
  let socket;
  let connected = false;
  let ended = false;

  /** @param {readonly number[]} ids @param {boolean} again */
  const write = (ids, again) => {
    const burst = Buffer.allocUnsafe(ids.length * packets.length);
    const now = performance.now();
    ids.forEach((id, index) => {
      packets.write(burst, index * packets.length, inFlight[id], id, again);
      if (!again) sentAt[id] = now;
    });
    socket?.write(burst);
  };
  /** Ends the connection of its own will. */
  const leave = () => {
    connected = false;
    socket?.destroy();
  };
  const openIds = () => [...inFlight.keys()].filter((id) => inFlight[id] >= 0);

  const onConnack = (/** @type {any} */ packet) => {
    const code = packet.returnCode ?? packet.reasonCode;
    if (code !== 0) {
      tell.trouble(`connection refused with ${code}`);
      return;
    }
    connected = true;
    tell.connected(packet.sessionPresent);
    if (keepSession && !packet.sessionPresent) socket?.write(subscribePacket());
    const ids = openIds();
    if (ids.length > 0) write(ids, true);
    tell.roomy();
  };
  const onPuback = (/** @type {any} */ { messageId: id, reasonCode = 0 }) => {
    const n = inFlight[id] ?? -1;
    if (n < 0) return;
    if (reasonCode >= 0x80 && !refusedForGood.has(reasonCode)) {
      // Sent again by the next connection, as a device would that got no answer.
      tell.trouble(`not stored: 0x${reasonCode.toString(16)}`);
      leave();
      return;
    }
    inFlight[id] = -1;
    free.push(id);
    if (reasonCode >= 0x80) {
      journal.note(n, fates.refused);
      tell.trouble(`refused: 0x${reasonCode.toString(16)}`);
    } else {
      journal.note(n, fates.acknowledged);
      tell.acknowledged(1, sentAt[id]);
    }
  };

  const open = () => {
    if (ended) return;
    const opened = connect(port, '127.0.0.1');
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connack') onConnack(packet);
      else if (packet.cmd === 'puback') onPuback(packet);
    });
    opened.setNoDelay(true);
    opened.on('connect', () => opened.write(connectPacket()));
    opened.on('data', (chunk) => {
      parser.parse(chunk);
      if (connected) tell.roomy();
    });
    opened.on('error', () => undefined);
    opened.on('close', () => {
      if (connected && !ended) tell.trouble('connection lost');
      connected = false;
      if (!ended) setTimeout(open, between(reconnectMs));
    });
    socket = opened;
  };
  /** As devices do that take commands; without it there is little to keep in a session. */
  const subscribePacket = () =>
    mqttPacket.generate(
      {
        cmd: 'subscribe',
        messageId: window + 1,
        subscriptions: [{ topic: `llm-iot/devices/${device.id}/command/request`, qos: 1 }],
      },
      { protocolVersion: version },
    );
  const connectPacket = () =>
    mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: version,
      clientId: device.id,
      clean: !keepSession,
      keepalive: 0,
      username: device.id,
      password: Buffer.from(device.key),
      ...(version === 5 && keepSession && { properties: { sessionExpiryInterval: 3600 } }),
    });

  return {
    start: open,
    room: () => (connected ? free.length : 0),
    report(count) {
      const ids = free.splice(-count);
      for (const id of ids) inFlight[id] = journal.next();
      write(ids, false);
    },
    waiting: () => window - free.length,
    check(oldest) {
      if (!connected || !openIds().some((id) => sentAt[id] < oldest)) return;
      tell.trouble('no answer');
      for (const id of openIds()) sentAt[id] = performance.now();
      leave();
    },
    end() {
      ended = true;
      socket?.destroy();
    },
  };
}

/** @param {[number, number]} range */
export const between = ([low, high]) => low + Math.random() * (high - low);
