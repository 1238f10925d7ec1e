// The same number of messages in every second, until told to stop.
import { setTimeout as pause } from 'node:timers/promises';
import { stopped, tellReady } from '../load.mjs';
import { createTimes } from '../figures.mjs';
import { openDevices } from '../devices/raw-connection.mjs';
import { createSender, sumOutOfOrder } from '../devices/sender.mjs';

const tickMs = 5;
const window = 64;
const patienceMs = 30_000;

/**
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[], rate: number }} options
 * @param {AbortSignal} signal
 * @returns {Promise<{ sent: number, outOfOrder: number, rate: number, behind: number, times: import('../figures.mjs').Figures }>} once all
 *   is acknowledged; `behind` is how many messages were sent late at most, because nothing was acknowledged
 */
export async function run({ port, devices, rate }, signal) {
  const connections = await openDevices(port, devices);
  const times = createTimes();
  let acknowledged = 0;
  const begin = performance.now();
  const start = Date.now();
  const stepMs = (devices.length * 1000) / rate;
  const senders = connections.map((connection, index) =>
    createSender(
      connection,
      devices[index].id,
      { window, start, stepMs: Math.max(1, Math.round(stepMs)) },
      { onTime: times.add, onAcknowledged: (count) => (acknowledged += count) },
    ),
  );
  let sent = 0;
  let next = 0;
  let behind = 0;
  const send = () => {
    const now = performance.now();
    const due = Math.floor(((now - begin) / 1000) * rate);
    for (let skipped = 0; sent < due && skipped < senders.length;) {
      const taken = senders[next].send(1, now);
      next = next + 1 === senders.length ? 0 : next + 1;
      sent += taken;
      skipped = taken ? 0 : skipped + 1;
    }
    behind = Math.max(behind, due - sent);
  };
  const timer = setInterval(send, tickMs);
  tellReady(true);
  await stopped(signal);
  clearInterval(timer);
  const seconds = (performance.now() - begin) / 1000;
  for (const deadline = performance.now() + patienceMs; acknowledged < sent; await pause(10))
    if (performance.now() > deadline) throw new Error(`${sent - acknowledged} not acknowledged`);
  for (const connection of connections) connection.end();
  return {
    sent,
    outOfOrder: sumOutOfOrder(senders),
    rate: sent / seconds,
    behind,
    times: times.figures(),
  };
}
