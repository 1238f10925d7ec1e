import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import { esp32, temperature } from '../support/hub-client.ts';
import {
  joinAsAdmin,
  joinRig,
  nodeReds,
  startRig,
  type NodeRig,
  type RigDevice,
  type TestNode,
} from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const source = (id: string, branch: string, to: string[][] = []): TestNode => ({
  id,
  type: 'llm-iot-mqtt-in',
  branch,
  batch: '500',
  window: '5',
  outputs: 2,
  to,
});
const nodes: TestNode[] = [
  source('announce', 'announce', [['register']]),
  source('query', 'query'),
  source('status', 'status'),
  source('response', 'command-response'),
  {
    id: 'registerIn',
    type: 'llm-iot-rpc-in',
    method: 'device.register',
    description: 'Register',
    params: '{"type":"object","properties":{"device_type":{"type":"string"},"static_schema":{}}}',
    result: '{}',
    roles: ['device'],
    readOnly: false,
    destructive: false,
    timeout: '5',
    deviceMethods: false,
    open: false,
  },
  { id: 'register', type: 'llm-iot-device-register', to: [['answer'], ['answer']] },
  { id: 'answer', type: 'llm-iot-rpc-out' },
  { id: 'out', type: 'llm-iot-mqtt-out', topic: '', qos: '1', retain: false },
  { id: 'fixed', type: 'llm-iot-mqtt-out', topic: 'llm-iot/notice', qos: '1', retain: true },
  { id: 'wild', type: 'llm-iot-mqtt-out', topic: 'llm-iot/#', qos: '1', retain: false },
  {
    id: 'outOrphan',
    type: 'llm-iot-mqtt-out',
    topic: 'llm-iot/x',
    qos: '1',
    retain: false,
    hub: '',
  },
];

for (const nodeRed of nodeReds)
  describe(`mqtt in and mqtt out, in ${nodeRed}`, () => {
    let rig: NodeRig;
    let device: RigDevice;
    let admin: MqttClient;
    const heard: { topic: string; payload: string; retain: boolean }[] = [];

    before(async () => {
      rig = await startRig({ nodeRed, nodes });
      device = await joinRig(rig);
      admin = await joinAsAdmin(rig);
      admin.on('message', (topic, payload, { retain }) =>
        heard.push({ topic, payload: payload.toString(), retain }),
      );
      await admin.subscribeAsync('llm-iot/#', { qos: 1 });
    });
    after(async () => {
      await device.end();
      await admin.endAsync(true);
      await rig.stop();
    });
    const hears = (topic: string, payload?: string): Promise<(typeof heard)[number]> =>
      until(`a message on ${topic}`, () =>
        heard.find(
          (message) =>
            message.topic === topic && (payload === undefined || message.payload === payload),
        ),
      );

    it('announce: a JSON-RPC request as its params and its call; rpc out answers on the response topic', async () => {
      const answers: string[] = [];
      const topic = `llm-iot/discovery/response/device-${device.id}`;
      device.mqtt.on('message', (_topic, payload) => answers.push(payload.toString()));
      await device.mqtt.subscribeAsync(topic, { qos: 1 });
      await device.mqtt.publishAsync(
        'llm-iot/discovery/announce',
        JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'device.register', params: esp32() }),
        { qos: 1 },
      );
      const answer = JSON.parse(await until('the answer', () => answers[0]));
      assert.equal(answer.id, 7);
      assert.equal(answer.result.resumed, true, 'its own key says which device it is');
      const message = rig.received('announce')[0]!;
      assert.deepEqual(message.payload, esp32());
      assert.equal(message.topic, 'device.register');
      assert.equal(message.rpc?.transport, 'mqtt');
      assert.equal(message.rpc.principal?.device_id, device.id);
      assert.deepEqual(rig.received('registerIn'), [], 'it left mqtt in, not rpc in');
    });

    it('announce: what is refused is answered, too', async () => {
      const answers: { error?: { code: number } }[] = [];
      device.mqtt.on('message', (_topic, payload) => answers.push(JSON.parse(payload.toString())));
      await device.mqtt.publishAsync('llm-iot/discovery/announce', '{"jsonrpc":', { qos: 1 });
      await until('the parse error', () => answers.find(({ error }) => error?.code === -32700));
    });

    it('query: the payload as JSON, or as text, with its topic', async () => {
      await admin.publishAsync('llm-iot/discovery/query', '{"who":"all"}', { qos: 1 });
      const message = await rig.next('query');
      assert.deepEqual(message.payload, { who: 'all' });
      assert.equal(message.topic, 'llm-iot/discovery/query');
      await admin.publishAsync('llm-iot/discovery/query', 'hello?', { qos: 1 });
      await rig.next('query', 0, ({ payload }) => payload === 'hello?');
    });

    it('status: what the device says of itself, with the device', async () => {
      await device.publish('status', { status: 'offline', reason: 'going to sleep' });
      const message = await rig.next('status');
      assert.deepEqual(message.payload, {
        status: 'offline',
        reason: 'going to sleep',
        device_id: device.id,
      });
      assert.deepEqual(message.device, { device_id: device.id });
      await device.publish('status', 'online');
      await rig.next(
        'status',
        0,
        ({ payload }) => (payload as { status: string }).status === 'online',
      );
    });

    it('status: what is no status leaves output 2, is acknowledged and shown', async () => {
      await device.publish('status', { status: 'sleepy' });
      const refused = await rig.next('status', 1);
      assert.equal(refused.error?.code, -32004);
      assert.match((refused.error.data as { reason: string }).reason, /online, offline/);
      assert.deepEqual(refused.payload, {
        topic: `llm-iot/devices/${device.id}/status`,
        excerpt: '{"status":"sleepy"}',
      });
      assert.equal(rig.status('status')?.fill, 'yellow');
    });

    it('command response: the answer of a device, with the device', async () => {
      const answer = { jsonrpc: '2.0', id: 'c1', result: { done: true } };
      await device.publish('command/response', answer);
      const message = await rig.next('response');
      assert.deepEqual(message.payload, answer);
      assert.deepEqual(message.device, { device_id: device.id });
      await device.publish('command/response', 'not JSON');
      assert.equal((await rig.next('response', 1)).error?.code, -32700);
    });

    it('any: every message, whatever its branch, and telemetry waits for it', async () => {
      await rig.deploy({ nodes: [...nodes, source('any', 'any')] });
      await device.publish('telemetry', temperature(20));
      const message = await rig.next('any');
      assert.deepEqual(message.payload, temperature(20));
      assert.equal(message.topic, `llm-iot/devices/${device.id}/telemetry`);
      assert.deepEqual(message.device, { device_id: device.id });
      await rig.deploy({ nodes });
    });

    it('telemetry that comes while no node takes it waits for the node, unacknowledged', async () => {
      let acknowledged = false;
      const hub = await rig.hub();
      const received = hub.mqtt.stats().received;
      const publish = device
        .publish('telemetry', temperature(21))
        .then(() => (acknowledged = true));
      await until('it came in', () => hub.mqtt.stats().received > received);
      assert.equal(acknowledged, false);
      await rig.deploy({ nodes: [...nodes, source('any', 'any')] });
      await publish;
      await rig.deploy({ nodes });
    });

    it('mqtt out publishes objects as JSON on msg.topic, and text as it is', async () => {
      const sent = await rig.input('out', { topic: 'llm-iot/notes/a', payload: { a: 1 } });
      assert.equal(sent.error, undefined);
      assert.equal(sent.dones, 1);
      await hears('llm-iot/notes/a', '{"a":1}');
      await rig.input('out', { topic: 'llm-iot/notes/b', payload: 'plain' });
      await hears('llm-iot/notes/b', 'plain');
      await rig.input('out', { topic: 'llm-iot/notes/c', payload: Buffer.from('bytes') });
      await hears('llm-iot/notes/c', 'bytes');
      await rig.input('out', { topic: 'llm-iot/notes/d' });
      await hears('llm-iot/notes/d', 'null');
      assert.equal(rig.status('out')?.text, 'ready');
    });

    it('mqtt out has its own topic before msg.topic, and retains when told so', async () => {
      await rig.input('fixed', { topic: 'llm-iot/elsewhere', payload: 'kept' });
      const late = await joinAsAdmin(rig);
      const kept: boolean[] = [];
      late.on('message', (_topic, _payload, { retain }) => kept.push(retain));
      await late.subscribeAsync('llm-iot/notice', { qos: 1 });
      assert.equal(await until('the retained message', () => kept[0]), true);
      await late.endAsync(true);
    });

    for (const [id, message] of [
      ['out', { payload: 1 }],
      ['wild', { payload: 1 }],
      ['out', { payload: 1, topic: 'a/+/b' }],
    ] as const)
      it(`mqtt out refuses ${JSON.stringify(message)} at ${id}: a Catch node sees why`, async () => {
        const { error, dones } = await rig.input(id, message);
        assert.match(error!.message, /one topic, without wildcards/);
        assert.equal(dones, 1);
        assert.match(rig.status(id)?.text ?? '', /^refused: /);
      });

    it('mqtt out without a hub says so', async () => {
      assert.equal(rig.status('outOrphan')?.text, 'no hub is chosen');
      const { error, dones } = await rig.input('outOrphan', { payload: 1 });
      assert.match(error!.message, /hub/);
      assert.equal(dones, 1);
    });
  });
