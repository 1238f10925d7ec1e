// Messages with QoS 1 of one connection, a bounded number of them in flight.
import { createTelemetryPackets } from './telemetry-packet.mjs';

/**
 * @typedef {object} Sender
 * @property {(most: number, now: number) => number} send as many messages as the window has room for, at most
 *   `most`; the answer is how many
 * @property {() => number} outOfOrder acknowledgements that did not come in the order of their messages
 *
 * @typedef {object} SenderEvents
 * @property {(acknowledged: number, now: number) => void} onAcknowledged after each read, with what came in by it
 * @property {(ms: number, now: number) => void} onTime from sending to acknowledgement, of one message in each round
 *   of the window
 */

/**
 * The window is a ring: MQTT wants acknowledgements in the order of the messages, and one that comes early waits for
 * those before it.
 * @param {import('./raw-connection.mjs').RawConnection} connection @param {string} deviceId
 * @param {{ window: number, start?: number, stepMs?: number }} options times of the readings as in `createReadings`
 * @param {SenderEvents} events
 * @returns {Sender}
 */
export function createSender(connection, deviceId, { window, ...times }, events) {
  const packets = createTelemetryPackets(deviceId, { packets: window, qos: 1, ...times });
  const { socket } = connection;
  let next = 0;
  let oldest = 0;
  let inFlight = 0;
  let sampledAt = 0;
  let outOfOrder = 0;
  const early = new Uint8Array(window);
  /** The first byte of a packet, then how many of its bytes have come in, when a read ends in the middle of one. */
  const partial = { bytes: Buffer.alloc(4), length: 0 };

  const write = (/** @type {number} */ from, /** @type {number} */ to) =>
    socket.write(packets.bytes.subarray(from * packets.length, to * packets.length));

  const take = (
    /** @type {Buffer} */ bytes,
    /** @type {number} */ at,
    /** @type {number} */ now,
  ) => {
    const slot = ((bytes[at + 2] << 8) | bytes[at + 3]) - 1;
    const after = slot >= oldest ? slot - oldest : slot + window - oldest;
    if (bytes[at] !== 0x40 || slot < 0 || after >= inFlight || early[slot] === 1)
      throw new Error(`${deviceId}: not expected: ${bytes.toString('hex', at, at + 4)}`);
    if (slot === 0) events.onTime(now - sampledAt, now);
    if (slot !== oldest) {
      outOfOrder += 1;
      early[slot] = 1;
      return;
    }
    do {
      early[oldest] = 0;
      oldest = oldest + 1 === window ? 0 : oldest + 1;
      inFlight -= 1;
    } while (early[oldest] === 1);
  };

  connection.onData = (bytes, length) => {
    const now = performance.now();
    let at = 0;
    let count = 0;
    while (partial.length > 0 && at < length) {
      partial.bytes[partial.length++] = bytes[at++];
      if (partial.length < 4) continue;
      take(partial.bytes, 0, now);
      partial.length = 0;
      count += 1;
    }
    for (; at + 4 <= length; at += 4, count++) take(bytes, at, now);
    while (at < length) partial.bytes[partial.length++] = bytes[at++];
    events.onAcknowledged(count, now);
  };

  return {
    send(most, now) {
      const count = Math.min(most, window - inFlight);
      if (count <= 0) return 0;
      for (let i = 0, index = next; i < count; i++) {
        if (index === 0) sampledAt = now;
        packets.renew(index);
        index = index + 1 === window ? 0 : index + 1;
      }
      const end = next + count;
      write(next, Math.min(end, window));
      if (end > window) write(0, end - window);
      next = end % window;
      inFlight += count;
      return count;
    },
    outOfOrder: () => outOfOrder,
  };
}

/** Over all senders. @param {readonly Sender[]} senders */
export const sumOutOfOrder = (senders) =>
  senders.reduce((sum, sender) => sum + sender.outOfOrder(), 0);
