// A broker of its own in front of the hub; the hub is killed, and the broker restarted.
import { setTimeout as pause } from 'node:timers/promises';
import { startMosquitto } from '../../../test/support/mosquitto.ts';
import { findTool } from '../../../test/support/require-tool.ts';
import { createHttpClient } from '../rpc-reporter.mjs';
import { outcomeOf } from '../outcome.mjs';
import { slowestRecovery } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Devices report to Mosquitto, and the hub takes their readings from there; a message is acknowledged towards ' +
  'Mosquitto when its readings are stored. The hub is killed again and again, and Mosquitto restarted (SIGTERM) in ' +
  'between.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const rounds = quick ? 1 : 5;
  if (findTool('mosquitto') === undefined)
    throw new Error('mosquitto is not installed: apt-get install mosquitto');
  const mosquitto = await startMosquitto(/** @type {any} */ (undefined), {
    // By default it drops what comes while a thousand messages wait for the hub.
    config: ['max_queued_messages 0', 'max_queued_bytes 0', 'max_inflight_messages 0'],
  });
  const external = { kind: 'external', url: mosquitto.url };
  try {
    const done = await trial({
      mqttPort: mosquitto.port,
      site: {
        flow: (nodes) =>
          nodes.map((node) => (node.type === 'llm-iot-broker' ? { ...node, ...external } : node)),
      },
      load: [
        { transport: 'mqtt', count: 20, rate: quick ? 300 : 1_000, window: 16, keepSession: true },
      ],
      async happen({ site }) {
        /** @type {number[]} */
        const backAt = [];
        for (let round = 1; round <= rounds; round++) {
          await pause(quick ? 500 : 1_500);
          await site.kill();
          await pause(500);
          await site.start();
          await pause(quick ? 500 : 1_500);
          await mosquitto.shutDown();
          await pause(500);
          await mosquitto.restart();
          backAt.push(Date.now());
          log(`${round} of ${rounds}`);
          await pause(quick ? 500 : 4_000);
        }
        return backAt;
      },
      settled: ({ hub }) => nothingComes(hub),
    });
    return outcomeOf(`hub killed and Mosquitto restarted in turn, ${rounds} times`, done, {
      recovered: {
        ms: slowestRecovery(done.load, done.happened),
        withinMs: 5_000,
      },
    });
  } finally {
    await mosquitto.stop();
  }
}

/** Waits until Mosquitto has nothing more for the hub. @param {import('../site.mjs').Hub} hub */
async function nothingComes({ url, adminKey }) {
  const client = createHttpClient(url, adminKey);
  const quietMs = 2_500;
  let received = -1;
  let since = performance.now();
  const deadline = performance.now() + 60_000;
  while (performance.now() - since < quietMs && performance.now() < deadline) {
    await pause(200);
    const { mqtt } = await client.call('hub.info', {});
    if (mqtt.connected && mqtt.received === received) continue;
    received = mqtt.received;
    since = performance.now();
  }
}
