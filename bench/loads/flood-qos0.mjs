// Messages nobody acknowledges, as many as the sockets take.
import { stopped, tellReady } from '../load.mjs';
import { createMeter } from '../meter.mjs';
import { openDevices } from '../devices/raw-connection.mjs';
import { createTelemetryPackets } from '../devices/telemetry-packet.mjs';

const perWrite = 32;
/** Writes of a connection that its socket may hold back; the memory of one is not touched before it is through. */
const writesAhead = 2;

/**
 * Is ready with what it sent when all of it has left the process; then keeps the connections until told to stop,
 * because the other side may still be reading.
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[],
 *   timing: import('../meter.mjs').Timing }} options
 * @param {AbortSignal} signal
 * @returns {Promise<{ sent: number } & import('../meter.mjs').Metered>}
 */
export async function run({ port, devices, timing }, signal) {
  const connections = await openDevices(port, devices);
  const meter = createMeter(timing);
  let sent = 0;
  connections.forEach(({ socket }, index) => {
    const packets = createTelemetryPackets(devices[index].id, {
      packets: perWrite * writesAhead,
      qos: 0,
    });
    const write = (/** @type {number} */ part) => {
      if (performance.now() >= meter.end) return;
      const first = part * perWrite;
      for (let i = first; i < first + perWrite; i++) packets.renew(i);
      sent += perWrite;
      const { bytes, length } = packets;
      socket.write(bytes.subarray(first * length, (first + perWrite) * length), () => {
        meter.count(perWrite, performance.now());
        // Other sockets have their turn first.
        setImmediate(write, part);
      });
    };
    for (let part = 0; part < writesAhead; part++) write(part);
  });
  await meter.finished(() => sent - meter.total());
  const figures = { sent, ...meter.figures() };
  tellReady(figures);
  await stopped(signal);
  for (const connection of connections) connection.end();
  return figures;
}
