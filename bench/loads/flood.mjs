// As many acknowledged messages as the other side takes: every connection keeps its window full.
import { createTimes } from '../figures.mjs';
import { connectDevices } from '../mqtt-connection.mjs';
import { createTelemetryPackets } from '../telemetry-packet.mjs';

/**
 * @param {{ port: number, devices: import('../mqtt-connection.mjs').Device[], window: number, warmUpMs: number,
 *   runMs: number }} options
 * @returns {Promise<{ sent: number, rate: number, ack: import('../figures.mjs').Figures }>} once all that was sent
 *   is acknowledged; rate and times are without the warming up
 */
export async function run({ port, devices, window, warmUpMs, runMs }) {
  const connections = await connectDevices(port, devices);
  const times = createTimes();
  const begin = performance.now();
  const countFrom = begin + warmUpMs;
  const end = countFrom + runMs;
  let sent = 0;
  let acknowledged = 0;
  let counted = 0;

  await new Promise((resolve) => {
    connections.forEach((connection, index) => {
      const packets = createTelemetryPackets(devices[index].id);
      const sentAt = new Float64Array(window + 1);
      /** @type {number[]} */
      let free = Array.from({ length: window }, (_, slot) => slot + 1);
      const fill = (/** @type {number} */ now) => {
        if (free.length === 0 || now >= end) return;
        const burst = Buffer.allocUnsafe(free.length * packets.length);
        free.forEach((slot, position) => {
          packets.write(burst, position * packets.length, slot);
          sentAt[slot] = now;
        });
        sent += free.length;
        free = [];
        connection.socket.write(burst);
      };
      let now = begin;
      connection.onAck = (slot) => {
        if (free.length === 0) now = performance.now();
        free.push(slot);
        acknowledged += 1;
        if (now < countFrom || now >= end) return;
        counted += 1;
        times.add(now - sentAt[slot]);
      };
      connection.onRead = () => {
        fill(now);
        if (acknowledged === sent && now >= end) resolve(undefined);
      };
      fill(begin);
    });
  });
  for (const connection of connections) connection.end();
  return { sent, rate: (counted * 1000) / runMs, ack: times.figures() };
}
