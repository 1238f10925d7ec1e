// Messages with QoS 1 of one connection, a bounded number of them in flight.
import { createTelemetryPackets } from './telemetry-packet.mjs';

/**
 * @typedef {object} Sender
 * @property {(most: number, now: number) => number} send as many messages as the window has room for, at most
 *   `most`; the answer is how many
 * @property {() => number} inFlight
 *
 * @typedef {object} SenderEvents
 * @property {(acknowledged: number, now: number) => void} onAcknowledged after each read, with what came in by it
 * @property {(ms: number, now: number) => void} onTime from sending to acknowledgement, of one message in each round
 *   of the window
 */

/**
 * MQTT has acknowledgements come in the order of the messages, so the window is a ring.
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
  /** The first byte of a packet, then how many of its bytes have come in, when a read ends in the middle of one. */
  const partial = { bytes: Buffer.alloc(4), length: 0 };

  const write = (/** @type {number} */ from, /** @type {number} */ to) =>
    socket.write(packets.bytes.subarray(from * packets.length, to * packets.length));

  const take = (
    /** @type {Buffer} */ bytes,
    /** @type {number} */ at,
    /** @type {number} */ now,
  ) => {
    if (bytes[at] !== 0x40 || ((bytes[at + 2] << 8) | bytes[at + 3]) !== oldest + 1 || !inFlight) {
      const found = bytes.toString('hex', at, at + 4);
      throw new Error(`${deviceId}: expected the acknowledgement of ${oldest + 1}, got ${found}`);
    }
    if (oldest === 0) events.onTime(now - sampledAt, now);
    oldest = oldest + 1 === window ? 0 : oldest + 1;
    inFlight -= 1;
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
    inFlight: () => inFlight,
  };
}
