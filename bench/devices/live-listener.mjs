// A device and a WebSocket that listens to it: the time from a publish to its update.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { connect } from './mqtt-connection.mjs';

const day = 86_400_000;

/**
 * @param {{ url: string, adminKey: string, port: number, device: import('./raw-connection.mjs').Device }} options
 * @param {(ms: number, index: number) => void} onUpdate of the readings in the order they were published
 * @returns {Promise<{ publish(): void, published(): number, end(): void }>}
 */
export async function createLiveListener({ url, adminKey, port, device }, onUpdate) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  await once(socket, 'open');
  const channels = [`device.${device.id}.telemetry`];
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { channels } }));
  await once(socket, 'message');

  const connection = await connect({
    port,
    clientId: device.id,
    username: device.id,
    password: device.key,
  });
  // Readings are told apart by their times.
  const start = Date.now() - day;
  /** @type {number[]} */
  const sentAt = [];
  socket.on('message', (data) => {
    const now = performance.now();
    for (const { timestamp } of JSON.parse(data.toString()).params.data.live_readings) {
      const index = Date.parse(timestamp) - start;
      onUpdate(now - sentAt[index], index);
    }
  });
  return {
    publish() {
      const index = sentAt.length;
      const live = [{ measurement_type: 'temperature', value: 20 + (index % 10), unit: 'celsius' }];
      const timestamp = new Date(start + index).toISOString();
      sentAt.push(performance.now());
      connection.publish(
        `llm-iot/devices/${device.id}/telemetry`,
        JSON.stringify({ timestamp, data: { live_readings: live } }),
      );
    },
    published: () => sentAt.length,
    end() {
      socket.terminate();
      connection.end();
    },
  };
}
