// Subscribers that stop reading while readings come in.
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { runApart } from '../../apart.mjs';
import { timesToMax } from '../../figures.mjs';
import { openMqtt, subscribe } from '../mqtt-raw.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Subscribers over MQTT (QoS 0 and 1) and WebSocket ask for all telemetry and then read nothing more; callers over ' +
  'HTTP ask for much and do not read the answer. Meanwhile devices report, and another WebSocket listens.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const each = quick ? 1 : 5;
  const p99Ms = quick ? 1_000 : 50;
  const done = await trial({
    ...(site && { site }),
    load: [{ transport: 'mqtt', count: 20, rate: quick ? 1_000 : 4_000, window: 64 }],
    others: [
      { transport: 'mqtt', count: 4, rate: 100, window: 4 },
      { transport: 'http', count: 2, rate: 20, window: 10, batch: 1 },
    ],
    async happen({ site: { hub }, register }) {
      const [device] = await register(1);
      const { url, adminKey, mqttPort: port } = hub;
      const frozen = await Promise.all([
        ...Array.from({ length: each }, (_, index) => freezeMqtt(hub, 0, index)),
        ...Array.from({ length: each }, (_, index) => freezeMqtt(hub, 1, index)),
        ...Array.from({ length: each }, () => freezeSocket(hub)),
        ...Array.from({ length: each }, () => freezeCall(hub)),
      ]);
      log(`${frozen.length} clients do not read`);
      const count = quick ? 60 : 1_200;
      const options = { url, adminKey, port, device, warmUp: 20, count, everyMs: 25 };
      const live = await runApart('live', options);
      await pause(quick ? 500 : 5_000);
      for (const end of frozen) end();
      return live;
    },
  });
  const { happened: live, calls } = done;
  return outcomeOf('subscribers that do not read', done, {
    p99Ms,
    promises: [
      verdict(
        `99 of 100 updates reach other listeners within ${p99Ms} ms`,
        live.p99 < p99Ms,
        timesToMax(live),
      ),
      verdict(
        `99 of 100 calls are answered within ${p99Ms} ms`,
        calls.figures.p99 < p99Ms && calls.unanswered === 0,
        timesToMax(calls.figures),
      ),
    ],
    figures: { live },
  });
}

/** @param {import('../site.mjs').Hub} hub @param {0 | 1} qos @param {number} index @returns {Promise<() => void>} */
async function freezeMqtt({ mqttPort, adminKey }, qos, index) {
  const who = { clientId: `frozen-${qos}-${index}`, username: 'admin', password: adminKey };
  const socket = await openMqtt(mqttPort, who);
  await subscribe(socket, [{ topic: 'llm-iot/devices/+/telemetry', qos }]);
  socket.pause();
  return () => socket.destroy();
}

/** @param {import('../site.mjs').Hub} hub @returns {Promise<() => void>} */
async function freezeSocket({ url, adminKey }) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  await once(socket, 'open');
  const params = { channels: ['device.*.telemetry'] };
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params }));
  await once(socket, 'message');
  socket.pause();
  return () => socket.terminate();
}

/** @param {import('../site.mjs').Hub} hub @returns {Promise<() => void>} */
async function freezeCall({ url, adminKey }) {
  const call = request(`${url}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
  });
  call.on('error', () => undefined);
  // 100 times the longest answer there is: more than the buffers of a socket hold.
  const calls = Array.from({ length: 100 }, (_, id) => ({
    jsonrpc: '2.0',
    id: id + 1,
    method: 'rpc.methods',
  }));
  call.end(JSON.stringify(calls));
  const [response] = await once(call, 'response');
  response.pause();
  return () => call.destroy();
}
