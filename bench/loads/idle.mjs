// Many connections that do nothing but say they are alive, and after a while report at a steady rate.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../figures.mjs';
import { tellReady } from '../load.mjs';
import { openDevices } from '../devices/raw-connection.mjs';
import { createSender, sumOutOfOrder } from '../devices/sender.mjs';

const ping = Buffer.from([0xc0, 0]);
const tickMs = 5;
const patienceMs = 20_000;

/**
 * Is ready when all are connected; then they ping every `pingMs` for `restMs`, then send as well.
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[], pingMs: number, restMs: number,
 *   sendMs: number, rate: number }} options `rate` messages a second over all connections together
 * @returns {Promise<{ pings: number, answers: number, sent: number, acknowledged: number, outOfOrder: number, rate: number,
 *   times: import('../figures.mjs').Figures }>}
 */
export async function run({ port, devices, pingMs, restMs, sendMs, rate }) {
  const connections = await openDevices(port, devices, Math.ceil((pingMs * 5) / 1000));
  const times = createTimes();
  const counts = { pings: 0, answers: 0, sent: 0, acknowledged: 0 };
  const senders = connections.map((connection, index) => {
    const sender = createSender(
      connection,
      devices[index].id,
      { window: 2 },
      { onTime: times.add, onAcknowledged: (count) => (counts.acknowledged += count) },
    );
    connection.onData = withoutPings(connection.onData, () => (counts.answers += 1));
    return sender;
  });
  tellReady(true);
  const begin = performance.now();
  // Each at its own moment of the interval.
  let nextPing = 0;
  const pinging = setInterval(() => {
    const due = ((performance.now() - begin) / pingMs) * connections.length;
    for (; counts.pings < due; counts.pings++, nextPing = (nextPing + 1) % connections.length)
      connections[nextPing].socket.write(ping);
  }, tickMs);
  await pause(restMs);

  const sendBegin = performance.now();
  let next = 0;
  const sending = setInterval(() => {
    const now = performance.now();
    const due = ((now - sendBegin) / 1000) * rate;
    for (let tried = 0; counts.sent < due && tried < senders.length; tried++) {
      counts.sent += senders[next].send(1, now);
      next = (next + 1) % senders.length;
    }
  }, tickMs);
  await pause(sendMs);
  clearInterval(sending);
  clearInterval(pinging);
  const seconds = (performance.now() - sendBegin) / 1000;
  const answered = () => counts.acknowledged === counts.sent && counts.answers === counts.pings;
  for (const deadline = performance.now() + patienceMs; !answered(); await pause(10))
    if (performance.now() > deadline) break;
  for (const connection of connections) connection.end();
  return {
    ...counts,
    outOfOrder: sumOutOfOrder(senders),
    rate: counts.sent / seconds,
    times: times.figures(),
  };
}

/**
 * Takes the PINGRESPs out of what comes in.
 * @param {(bytes: Buffer, length: number) => void} onData @param {() => void} onAnswer
 * @returns {(bytes: Buffer, length: number) => void}
 */
function withoutPings(onData, onAnswer) {
  return (bytes, length) => {
    let from = 0;
    // Packets are not cut: few bytes come in at a time.
    for (let at = 0; at < length;) {
      const isAnswer = bytes[at] === 0xd0;
      const end = at + (isAnswer ? 2 : 4);
      if (isAnswer) {
        if (at > from) onData(bytes.subarray(from, at), at - from);
        from = end;
        onAnswer();
      }
      at = end;
    }
    if (from < length) onData(bytes.subarray(from, length), length - from);
  };
}
