// `telemetry.update` over HTTP on one connection that stays open, one request after the other.
import { connect } from 'node:net';
import { createReadings, findReadings, readingAt, telemetryOf } from './telemetry-message.mjs';

const incoming = Buffer.allocUnsafe(65_536);

/**
 * A connection that breaks, or an answer that is not "all accepted", ends the process: its figures would be wrong.
 * @param {{ port: number, device: import('./raw-connection.mjs').Device, readings: number, start?: number,
 *   stepMs?: number }} options `readings` of one request; times of the readings as in `createReadings`
 * @param {(ms: number, now: number) => void} onAnswer from the request to its answer
 * @returns {Promise<{ send(): void, end(): void }>} `send` only once the request before it is answered
 */
export function createHttpSender({ port, device, readings: count, ...times }, onAnswer) {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'telemetry.update',
    params: telemetryOf(
      device.id,
      Array.from({ length: count }, () => readingAt(new Date(0).toISOString())),
    ),
  });
  const request = Buffer.from(
    'POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
      `Authorization: Bearer ${device.key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const places = findReadings(request);
  const readings = createReadings(times);
  const accepted = `"accepted":${count},`;
  const { promise, resolve, reject } = Promise.withResolvers();
  let sentAt = 0;
  let ended = false;
  let answer = '';
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: incoming,
      callback(length) {
        answer += incoming.toString('latin1', 0, length);
        if (!isComplete(answer)) return true;
        if (!answer.startsWith('HTTP/1.1 200') || !answer.includes(accepted))
          socket.destroy(new Error(`unexpected answer: ${answer}`));
        answer = '';
        const now = performance.now();
        onAnswer(now - sentAt, now);
        return true;
      },
    },
  });
  const sender = {
    send() {
      places.times.forEach((timeAt, index) =>
        readings.write(request, timeAt, places.values[index]),
      );
      sentAt = performance.now();
      socket.write(request);
    },
    end() {
      ended = true;
      socket.destroy();
    },
  };
  socket.on('connect', () => resolve(sender));
  socket.on('error', (error) => {
    reject(error);
    console.error(error.message);
  });
  socket.on('close', () => {
    if (ended) return;
    process.exitCode = 1;
    process.disconnect?.();
  });
  return promise;
}

/** @param {string} answer */
function isComplete(answer) {
  const bodyAt = answer.indexOf('\r\n\r\n') + 4;
  if (bodyAt < 4) return false;
  const length = /^content-length: (\d+)/im.exec(answer)?.[1];
  if (length === undefined) throw new Error(`an answer without length: ${answer}`);
  return answer.length >= bodyAt + Number(length);
}
