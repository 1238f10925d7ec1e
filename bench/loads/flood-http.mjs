// Readings in batches over HTTP, every device with one request in flight.
import { createHttpSender } from '../devices/http-sender.mjs';
import { createMeter } from '../meter.mjs';

/**
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[], readings: number,
 *   timing: import('../meter.mjs').Timing }} options `readings` of one request
 * @returns {Promise<{ sent: number } & import('../meter.mjs').Metered>} readings, once all are answered; times are
 *   from the request to its answer
 */
export async function run({ port, devices, readings, timing }) {
  const meter = createMeter(timing);
  let sent = 0;
  const senders = await Promise.all(
    devices.map(async (device) => {
      const sender = await createHttpSender({ port, device, readings }, (ms, now) => {
        meter.time(ms, now);
        meter.count(readings, now);
        if (now < meter.end) send();
      });
      const send = () => {
        sent += readings;
        sender.send();
      };
      return { ...sender, send };
    }),
  );
  for (const { send } of senders) send();
  await meter.finished(() => sent - meter.total());
  for (const { end } of senders) end();
  return { sent, ...meter.figures() };
}
