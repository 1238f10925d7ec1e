// A device publishes readings, a WebSocket listens to them.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createTimes } from '../figures.mjs';
import { connectDevices } from '../mqtt-connection.mjs';

const day = 86_400_000;

/**
 * @param {{ url: string, adminKey: string, port: number, device: import('../mqtt-connection.mjs').Device,
 *   warmUp: number, count: number, everyMs: number }} options
 * @returns {Promise<import('../figures.mjs').Figures>} from the publish to the update
 */
export async function run({ url, adminKey, port, device, warmUp, count, everyMs }) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  await once(socket, 'open');
  const channels = [`device.${device.id}.telemetry`];
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { channels } }));
  await once(socket, 'message');

  const [connection] = await connectDevices(port, [device]);
  const times = createTimes();
  // Readings are told apart by their times.
  const start = Date.now() - day;
  const sentAt = new Float64Array(warmUp + count);
  let received = 0;
  const all = Promise.withResolvers();
  socket.on('message', (data) => {
    const now = performance.now();
    for (const { timestamp } of JSON.parse(data.toString()).params.data.live_readings) {
      const index = Date.parse(timestamp) - start;
      if (index >= warmUp) times.add(now - sentAt[index]);
      received += 1;
    }
    if (received === warmUp + count) all.resolve(undefined);
  });
  for (let i = 0; i < warmUp + count; i++) {
    const live = [{ measurement_type: 'temperature', value: 20 + (i % 10), unit: 'celsius' }];
    const timestamp = new Date(start + i).toISOString();
    sentAt[i] = performance.now();
    connection.publish(
      `llm-iot/devices/${device.id}/telemetry`,
      JSON.stringify({ timestamp, data: { live_readings: live } }),
    );
    // Not in step with any timer of the hub.
    await pause(everyMs * (0.5 + Math.random()));
  }
  await all.promise;
  socket.terminate();
  connection.end();
  return times.figures();
}
