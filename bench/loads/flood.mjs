// As many acknowledged messages as the other side takes: every connection keeps its window full.
import { createMeter } from '../meter.mjs';
import { openDevices } from '../devices/raw-connection.mjs';
import { createSender, sumOutOfOrder } from '../devices/sender.mjs';

/**
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[], window: number,
 *   timing: import('../meter.mjs').Timing }} options
 * @returns {Promise<{ sent: number, outOfOrder: number } & import('../meter.mjs').Metered>} once all that was sent is acknowledged; times
 *   are from sending to acknowledgement
 */
export async function run({ port, devices, window, timing }) {
  const connections = await openDevices(port, devices);
  const meter = createMeter(timing);
  let sent = 0;
  const senders = connections.map((connection, index) => {
    const sender = createSender(
      connection,
      devices[index].id,
      { window },
      {
        onTime: meter.time,
        onAcknowledged(count, now) {
          meter.count(count, now);
          if (now < meter.end) sent += sender.send(window, now);
        },
      },
    );
    sent += sender.send(window, performance.now());
    return sender;
  });
  await meter.finished(() => sent - meter.total());
  for (const connection of connections) connection.end();
  return { sent, outOfOrder: sumOutOfOrder(senders), ...meter.figures() };
}
