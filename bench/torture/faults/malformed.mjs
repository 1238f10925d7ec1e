// Packets and bodies that are wrong, a million of them.
import { call } from '../../../test/support/hub-client.ts';
import { runApart } from '../../apart.mjs';
import { count } from '../../figures.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Valid MQTT packets with changed bytes, telemetry with changed bytes or values (fast-check), JSON-RPC bodies over ' +
  'HTTP and WebSocket likewise, from clients with valid keys, a quarter each. Other devices report meanwhile.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const total = quick ? 8_000 : 1_000_000;
  const seed = Math.floor(Math.random() * 2 ** 31);
  log(`seed ${seed}`);
  const done = await trial({
    ...(site && { site }),
    others: [
      { transport: 'mqtt', count: 10, rate: 200, window: 16 },
      { transport: 'http', count: 2, rate: 20, window: 20, batch: 1 },
      { transport: 'websocket', count: 2, rate: 20, window: 20, batch: 1 },
    ],
    async happen({ site: { hub, runs }, register }) {
      const devices = await register(8);
      const { url, adminKey, mqttPort: port } = hub;
      const options = { url, port, adminKey, devices, count: total, seed };
      const { sent } = await runApart('../torture/loads/malformed', options);
      const { result } = await call(hub, 'hub.health');
      return { sent, seed, runs: runs(), up: result?.status === 'up' };
    },
  });
  const { sent, runs, up } = done.happened;
  return outcomeOf(`${count(sent)} malformed packets and bodies`, done, {
    promises: [
      verdict('the hub is alive and well', runs && up, runs ? (up ? 'up' : 'down') : 'it ended'),
      verdict(
        'nothing that is right is refused',
        done.audit.refused === 0 && done.audit.acknowledged === done.audit.sent,
        `${count(done.audit.acknowledged)} of ${count(done.audit.sent)} acknowledged`,
      ),
    ],
    figures: done.happened,
  });
}
