// Full deploys while readings come in.
import { setTimeout as pause } from 'node:timers/promises';
import { deploy, getFlow } from '../../../test/support/hub-client.ts';
import { outcomeOf, verdict } from '../outcome.mjs';
import { troublesOf } from '../reporters.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Full deploys of the shipped flow, as the editor makes them, while devices report over MQTT, HTTP and WebSocket. ' +
  'Every other one renames a node between source and store.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const deploys = quick ? 3 : 20;
  const rate = quick ? 2_000 : 10_000;
  const devices = { mqtt: 50, websocket: 5 };
  const done = await trial({
    ...(site && { site }),
    load: [
      { transport: 'mqtt', count: devices.mqtt, rate, window: 400 },
      { transport: 'http', count: 3, rate: 200, window: 100, batch: 20 },
      { transport: 'websocket', count: devices.websocket, rate: 200, window: 100, batch: 20 },
    ],
    async happen({ site: { hub } }) {
      await pause(1_000);
      for (let round = 1; round <= deploys; round++) {
        const flow = await getFlow(hub);
        const store = flow.find(({ type }) => type === 'llm-iot-telemetry-write');
        if (store && round % 2 === 0) store.name = `store ${round}`;
        await deploy(hub, flow);
        log(`${round} of ${deploys}`);
        await pause(quick ? 500 : 1_500);
      }
    },
  });
  const lost = troublesOf(done.load, 'connection lost');
  const unanswered = troublesOf(done.load, 'no answer');
  return outcomeOf(`${deploys} full deploys`, done, {
    promises: [
      verdict('nobody is disconnected', lost === 0, `${lost} connections or calls were lost`),
      verdict('every reading gets its answer', unanswered === 0, `${unanswered} got none`),
      verdict(
        'nothing is refused',
        done.audit.refused === 0 && done.audit.acknowledged === done.audit.sent,
        `${done.audit.acknowledged} of ${done.audit.sent} acknowledged, ${done.audit.refused} refused`,
      ),
    ],
  });
}
