// Wrong keys over HTTP and MQTT in turn, each on a connection of its own, from several addresses of the loopback.
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';
import { stopped, tellReady } from '../load.mjs';

const tickMs = 5;
const patienceMs = 5_000;

const body = '{"jsonrpc":"2.0","id":1,"method":"hub.info"}';
const httpGuess = (/** @type {number} */ index) =>
  'POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
  `Authorization: Bearer llm_admin_${index}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const mqttGuess = (/** @type {number} */ index) =>
  mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: `guesser-${index}`,
    clean: true,
    keepalive: 0,
    username: 'admin',
    password: Buffer.from(`llm_admin_${index}`),
  });

/**
 * Is ready when it began; guesses until told to stop.
 * @param {{ httpPort: number, mqttPort: number, rate: number, addresses: string[] }} options `rate` guesses a second
 * @param {AbortSignal} signal
 * @returns {Promise<{ made: number, answered: number, admitted: number, rate: number }>} `admitted` guesses were taken
 *   for right ones
 */
export async function run({ httpPort, mqttPort, rate, addresses }, signal) {
  const counts = { made: 0, answered: 0, admitted: 0 };
  const guess = (/** @type {number} */ index) => {
    const isHttp = index % 2 === 0;
    const localAddress = addresses[index % addresses.length];
    const port = isHttp ? httpPort : mqttPort;
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on('connect', () => socket.write(isHttp ? httpGuess(index) : mqttGuess(index)));
    socket.once('data', (chunk) => {
      counts.answered += 1;
      const isAdmitted = isHttp ? chunk.toString('latin1', 9, 12) === '200' : chunk[3] === 0;
      if (isAdmitted) counts.admitted += 1;
      socket.destroy();
    });
    socket.on('error', () => undefined);
  };
  const begin = performance.now();
  const guessing = setInterval(() => {
    const due = ((performance.now() - begin) / 1000) * rate;
    while (counts.made < due) guess(counts.made++);
  }, tickMs);
  tellReady(true);
  await stopped(signal);
  clearInterval(guessing);
  return { ...counts, rate: (counts.made * 1000) / (performance.now() - begin) };
}
