import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ask,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  press,
  temperature,
  type FlowNode,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { startScriptedModel } from '../support/scripted-model.ts';

const root = join(import.meta.dirname, '..', '..');
const example = JSON.parse(
  readFileSync(join(root, 'examples', '40-ask-the-hub.json'), 'utf8'),
) as (FlowNode & { env?: { name: string; type: string; value?: string }[] })[];
const configTypes = ['llm-iot-hub', 'llm-iot-broker', 'llm-iot-store'];

describe('the example that asks the hub', () => {
  let hub: RunningHub;
  let key: string;

  before(async () => {
    hub = await startHub();
    ({ key } = await ask(hub, 'key.create', { role: 'llm_read', name: 'the model of the flow' }));
    const device = await joinDevice(hub, {
      ...esp32('ask-1'),
      name: 'Living room climate',
    });
    await ask(hub, 'telemetry.update', {
      device_id: device.id,
      data: { live_readings: [temperature(21.5)] },
    });
    await device.end();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  for (const [format, path] of [
    ['openai', '/v1/chat/completions'],
    ['anthropic', '/v1/messages'],
  ] as const)
    it(`lets a model of the ${format} format find and read what it needs, and shows its answer`, async () => {
      const model = await startScriptedModel([
        {
          calls: [
            { name: 'device_find', args: { query: 'living room' } },
            { name: 'telemetry_read', args: { device: 'the moon', measurement: 'temperature' } },
          ],
        },
        { calls: [{ name: 'telemetry_read', args: { device: 'Living room climate' } }] },
        { say: (results) => `It said: ${results.at(-1)}` },
      ]);
      try {
        const env = {
          HUB_URL: hub.url,
          HUB_KEY: key,
          MODEL_URL: `${model.url}${path}`,
          MODEL_FORMAT: format,
          MODEL: 'scripted',
          MODEL_KEY: 'secret of the model',
        };
        const added = example
          .filter(({ type }) => !configTypes.includes(type))
          .map((node) =>
            node.type === 'tab'
              ? {
                  ...node,
                  env: Object.entries(env).map(([name, value]) => ({ name, value, type: 'str' })),
                }
              : node,
          );
        const ids = new Set(added.map(({ id }) => id));
        const others = (await getFlow(hub)).filter(({ id }) => !ids.has(id));
        await deploy(hub, [...others, ...added], 'nodes');
        const inject = added.find(({ type }) => type === 'inject')!;
        await press(hub, inject.id);

        const requests = await eventually('the model has been asked three times', () =>
          Promise.resolve(model.requests.length >= 3 && model.requests),
        );
        const [first, , last] = requests;
        for (const name of ['device_find', 'telemetry_read', 'telemetry_history'])
          assert.ok(first!.tools.includes(name), name);
        assert.ok(!first!.tools.includes('device_execute'), 'the key of the flow only reads');
        assert.match(first!.system, /hub/);
        const said = JSON.stringify(last!.body.messages);
        assert.match(said, /Living room climate/);
        assert.match(said, /21\.5/);
        assert.match(said, /the moon/, 'what went wrong goes back to the model');
        assert.equal(
          format === 'openai' ? first!.headers['authorization'] : first!.headers['x-api-key'],
          format === 'openai' ? 'Bearer secret of the model' : 'secret of the model',
        );
      } finally {
        await model.close();
      }
    });
});
