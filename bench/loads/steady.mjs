// The same number of messages in every second, until told to stop.
import { connectDevices } from '../mqtt-connection.mjs';
import { createTelemetryPackets } from '../telemetry-packet.mjs';

const tickMs = 10;

/**
 * @param {{ port: number, devices: import('../mqtt-connection.mjs').Device[], rate: number }} options
 * @param {AbortSignal} signal
 * @returns {Promise<{ sent: number, acknowledged: number, rate: number }>} `rate` is what was acknowledged
 */
export async function run({ port, devices, rate }, signal) {
  const connections = await connectDevices(port, devices);
  const packets = devices.map(({ id }) => createTelemetryPackets(id));
  const begin = performance.now();
  let sent = 0;
  let acknowledged = 0;
  for (const connection of connections) connection.onAck = () => (acknowledged += 1);
  const send = () => {
    const due = ((performance.now() - begin) / 1000) * rate;
    for (; sent < due; sent++) {
      const index = sent % devices.length;
      const packet = Buffer.allocUnsafe(packets[index].length);
      packets[index].write(packet, 0, (Math.floor(sent / devices.length) % 65_535) + 1);
      connections[index].socket.write(packet);
    }
  };
  const timer = setInterval(send, tickMs);
  process.send?.({ ready: true });
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(timer);
  const seconds = (performance.now() - begin) / 1000;
  for (const connection of connections) connection.end();
  return { sent, acknowledged, rate: acknowledged / seconds };
}
