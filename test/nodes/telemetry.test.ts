import assert from 'node:assert/strict';
import type { HubMessage } from '../../nodes/runtime/message.ts';
import { ask, temperature } from '../support/hub-client.ts';
import {
  joinRig,
  nodeReds,
  startRig,
  type NodeRig,
  type RigDevice,
  type TestNode,
} from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const config = { what: 'telemetry', schema: '{"type":"object"}' };
const nodes: TestNode[] = [
  {
    id: 'source',
    type: 'llm-iot-mqtt-in',
    branch: 'telemetry',
    batch: '10',
    window: '20',
    outputs: 2,
    to: [['gate']],
  },
  { id: 'gate', type: 'test-step', to: [['chainCheck']] },
  { id: 'chainCheck', type: 'llm-iot-validate', ...config, outputs: 2, to: [['chainWrite']] },
  {
    id: 'chainWrite',
    type: 'llm-iot-telemetry-write',
    outputs: 2,
    to: [[], ['answer']],
  },
  { id: 'answer', type: 'llm-iot-rpc-out' },
  {
    id: 'update',
    type: 'llm-iot-rpc-in',
    method: 'telemetry.update',
    description: 'Report readings',
    params: '{"type":"object","properties":{"device_id":{"type":"string"},"data":{}}}',
    result: '{}',
    roles: ['device'],
    readOnly: false,
    destructive: false,
    timeout: '5',
    deviceMethods: false,
    open: false,
    to: [['chainCheck']],
  },
  { id: 'check', type: 'llm-iot-validate', ...config, outputs: 2 },
  {
    id: 'fits',
    type: 'llm-iot-validate',
    what: 'schema',
    schema: '{"type":"object","required":["a","b"],"properties":{"a":{"type":"number"}}}',
    outputs: 2,
  },
  {
    id: 'fitsAlone',
    type: 'llm-iot-validate',
    what: 'schema',
    schema: '{"type":"object","required":["a"]}',
    outputs: 1,
  },
  { id: 'unusable', type: 'llm-iot-validate', what: 'schema', schema: '{"type":', outputs: 2 },
  { id: 'write', type: 'llm-iot-telemetry-write', outputs: 2 },
  { id: 'writeAlone', type: 'llm-iot-telemetry-write', outputs: 1 },
  { id: 'checkOrphan', type: 'llm-iot-validate', ...config, hub: '', outputs: 2 },
  { id: 'writeOrphan', type: 'llm-iot-telemetry-write', hub: '', outputs: 2 },
  { id: 'sourceOrphan', type: 'llm-iot-mqtt-in', branch: 'telemetry', hub: '', outputs: 2 },
];

interface Refused {
  device_id: string;
  rejected: { index: number; code: number; reason: string }[];
}

for (const nodeRed of nodeReds)
  describe(`telemetry through the nodes, in ${nodeRed}`, () => {
    let rig: NodeRig;
    let device: RigDevice;
    let held: (() => void)[] | undefined;

    before(async () => {
      rig = await startRig({
        nodeRed,
        nodes,
        steps: {
          gate(message, send, done) {
            const pass = (): void => {
              send(message);
              done();
            };
            if (held) held.push(pass);
            else pass();
          },
        },
      });
      device = await joinRig(rig);
    });
    after(async () => {
      await device.end();
      await rig.stop();
    });

    it('mqtt in turns a publish into readings with an opaque delivery', async () => {
      await device.publish('telemetry', {
        timestamp: '2026-01-01T00:00:00Z',
        data: {
          live_readings: [temperature(20), temperature(21, { timestamp: 1_767_225_601_000 })],
        },
      });
      const message = rig.received('source')[0]!;
      assert.equal(message.topic, 'telemetry');
      assert.equal(typeof message.delivery, 'string');
      assert.deepEqual(message.payload, [
        { device_id: device.id, ...temperature(20), timestamp: 1_767_225_600_000 },
        { device_id: device.id, ...temperature(21), timestamp: 1_767_225_601_000 },
      ]);
      assert.deepEqual(rig.received('chainWrite')[0]!.payload, [
        { device_id: device.id, ...temperature(20), quality: 'good', timestamp: 1_767_225_600_000 },
        { device_id: device.id, ...temperature(21), quality: 'good', timestamp: 1_767_225_601_000 },
      ]);
    });

    it('the device is acknowledged only after telemetry write has stored its reading', async () => {
      held = [];
      let acknowledged = false;
      const publish = device
        .publish('telemetry', temperature(33))
        .then(() => (acknowledged = true));
      const pass = await until('the reading at the gate', () => held?.[0]);
      const hub = await rig.hub();
      const newest = (): unknown =>
        (hub.latest({ device_id: device.id }) as { readings: { value: unknown }[] }).readings[0]
          ?.value;
      assert.equal(acknowledged, false);
      assert.notEqual(newest(), 33);
      held = undefined;
      pass();
      await publish;
      assert.equal(newest(), 33);
    });

    it('many messages become few messages of Node-RED, none with more readings than the batch', async () => {
      const before = rig.received('source').length;
      await Promise.all(
        Array.from({ length: 200 }, (_unused, index) =>
          device.publish('telemetry', temperature(index, { timestamp: 1_767_300_000_000 + index })),
        ),
      );
      const batches = rig
        .received('source')
        .slice(before)
        .map(({ payload }) => payload as { value: number }[]);
      assert.ok(batches.length <= 100, `${batches.length} messages`);
      assert.ok(batches.every((batch) => batch.length <= 10));
      assert.deepEqual(
        batches.flat().map(({ value }) => value),
        Array.from({ length: 200 }, (_unused, index) => index),
        'every reading once, in order',
      );
    });

    it('mqtt in refuses what is no telemetry out of output 2, and acknowledges it', async () => {
      await device.publish('telemetry', '{"half": ');
      const { payload, topic, device: from, error } = await rig.next('source', 1);
      const expected = `llm-iot/devices/${device.id}/telemetry`;
      assert.deepEqual(payload, { topic: expected, excerpt: '{"half": ' });
      assert.equal(topic, expected);
      assert.deepEqual(from, { device_id: device.id });
      assert.equal(error?.code, -32700);
      assert.equal(typeof (error.data as { reason: string }).reason, 'string');
      assert.match(rig.status('source')?.text ?? '', /^refused: /);
    });

    it('validate passes what is valid and refuses the rest by device, with index, code and reason', async () => {
      const { outputs, error, dones } = await rig.input('check', {
        payload: [
          { device_id: device.id, ...temperature(20), timestamp: 1_767_225_600_000 },
          { device_id: device.id, ...temperature(20, { value: 'warm' }) },
          { device_id: 'nobody', ...temperature(20) },
          { device_id: device.id, ...temperature(21), timestamp: 1_767_225_600_001 },
        ],
      });
      assert.equal(error, undefined);
      assert.equal(dones, 1);
      const [valid] = outputs[0]!;
      assert.deepEqual(
        (valid!.payload as { value: number }[]).map(({ value }) => value),
        [20, 21],
      );
      assert.equal(typeof valid!.delivery, 'string');
      const refused = outputs[1]!.map(({ payload }) => payload as Refused);
      assert.deepEqual(
        refused.map(({ device_id, rejected }) => [device_id, rejected.map(({ index }) => index)]),
        [
          [device.id, [1]],
          ['nobody', [2]],
        ],
      );
      assert.equal(refused[0]!.rejected[0]!.code, -32004);
      assert.equal(refused[1]!.rejected[0]!.code, -32000);
      assert.equal(outputs[1]![0]!.error?.code, -32004);
      assert.equal(outputs[1]![0]!.device?.device_id, device.id);
      assert.match(rig.status('check')?.text ?? '', /^refused: /);
    });

    it('validate sends output 1 also when nothing is left, so that a call gets its answer', async () => {
      const { outputs } = await rig.input('check', {
        payload: [{ device_id: 'nobody', ...temperature(1) }],
      });
      assert.deepEqual(outputs[0]![0]!.payload, []);
    });

    it('validate refuses a payload that is no telemetry at all', async () => {
      const { outputs, dones } = await rig.input('check', { payload: 'hot' });
      assert.equal(outputs[0]!.length, 0);
      assert.equal(outputs[1]![0]!.error?.code, -32004);
      assert.equal(dones, 1);
    });

    it('validate with a schema lists every problem', async () => {
      const fits = await rig.input('fits', { payload: { a: 1, b: 2 } });
      assert.deepEqual(fits.outputs[0]![0]!.payload, { a: 1, b: 2 });
      assert.equal(fits.dones, 1);
      const { outputs, dones } = await rig.input('fits', { payload: { a: 'x' } });
      assert.deepEqual(outputs[0], []);
      const { code, data } = outputs[1]![0]!.error!;
      assert.equal(code, -32004);
      assert.equal((data as { problems: [] }).problems.length, 2);
      assert.equal(dones, 1);
      assert.equal((await rig.input('fitsAlone', { payload: {} })).error?.name, 'RpcError');
    });

    it('validate with a schema that is none shows it in red and fails every message', async () => {
      assert.equal(rig.status('unusable')?.fill, 'red');
      assert.match(rig.status('unusable')?.text ?? '', /JSON/);
      const { error, outputs, dones } = await rig.input('unusable', { payload: {} });
      assert.match(error!.message, /schema/);
      assert.equal(outputs[1]![0]!.error?.code, -32603);
      assert.equal(dones, 1);
      assert.equal(rig.status('unusable')?.fill, 'red');
    });

    it('telemetry write sends what is stored, and an answer only for a call', async () => {
      const reading = { device_id: device.id, ...temperature(25), timestamp: 1_767_400_000_000 };
      const { outputs, error, dones } = await rig.input('write', { payload: [reading] });
      assert.equal(error, undefined);
      assert.deepEqual(outputs[0]![0]!.payload, [reading]);
      assert.deepEqual(outputs[1], []);
      assert.equal(dones, 1);
      assert.equal(rig.status('write')?.text, 'ready');
      const rpc: HubMessage['rpc'] = {
        id: 'a',
        method: 'telemetry.update',
        principal: undefined,
        transport: 'http',
      };
      const call = await rig.input('write', { payload: [reading], rpc });
      assert.deepEqual(call.outputs[1]![0]!.payload, { accepted: 1, rejected: [] });
    });

    it('telemetry write refuses what is no array, to output 2 or to a Catch node', async () => {
      const { outputs, dones } = await rig.input('write', { payload: temperature(1) });
      assert.equal(outputs[1]![0]!.error?.code, -32602);
      assert.equal(dones, 1);
      const alone = await rig.input('writeAlone', { payload: 7 });
      assert.match(alone.error!.message, /array of readings/);
      assert.equal(alone.dones, 1);
    });

    it('telemetry.update answers how many were stored and why the others were not', async () => {
      const answer = await ask(rig, 'telemetry.update', {
        device_id: device.id,
        data: { live_readings: [temperature(26), { measurement_type: 'temperature' }] },
      });
      assert.equal(answer.accepted, 1);
      assert.deepEqual(
        answer.rejected.map(({ index, code }: { index: number; code: number }) => [index, code]),
        [[1, -32004]],
      );
    });

    for (const id of ['checkOrphan', 'writeOrphan', 'sourceOrphan'])
      it(`${id} has no hub, and says so`, async () => {
        assert.equal(rig.status(id)?.text, 'no hub is chosen');
        if (id === 'sourceOrphan') return;
        const { error, dones } = await rig.input(id, { payload: [] });
        assert.match(error!.message, /hub/);
        assert.equal(dones, 1);
      });

    it('what nobody settles in time is not acknowledged, and the source shows it', async () => {
      await rig.deploy({ hub: { settleTimeout: '0.1' } });
      const sender = await joinRig(rig);
      held = [];
      await assert.rejects(sender.publish('telemetry', temperature(34)));
      assert.deepEqual(rig.status('source'), {
        fill: 'red',
        shape: 'ring',
        text: 'not settled: 1',
      });
      const { problems } = (await (await rig.hub()).info()) as { problems: { problem: string }[] };
      assert.ok(problems.some(({ problem }) => problem === 'unsettled'));
      await sender.end();
    });
  });
