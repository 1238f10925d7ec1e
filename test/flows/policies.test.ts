import assert from 'node:assert/strict';
import { connectAsync } from 'mqtt';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  temperature,
  type FlowNode,
  type TestDevice,
} from '../support/hub-client.ts';

const commandTab = (flow: FlowNode[]): string =>
  flow.find(({ type, mode }) => type === 'llm-iot-execute' && mode === 'device')!.z!;

describe('policies with the running hub', function () {
  this.timeout(30_000);
  let hub: RunningHub;
  let heater: TestDevice;
  const done: string[] = [];

  const heat = (percent: unknown, more: object = {}) =>
    call(hub, 'device.execute', {
      ...{ device_id: heater.id, command: 'heat', arguments: { percent } },
      ...more,
    });
  const setPolicy = async (rules: unknown, more: object = {}): Promise<void> => {
    const flow = await getFlow(hub);
    const policy = flow.find(({ type }) => type === 'llm-iot-policy')!;
    const text = typeof rules === 'string' ? rules : JSON.stringify(rules);
    Object.assign(policy, { rules: text, ...more });
    await deploy(hub, flow, 'nodes');
  };

  before(async () => {
    hub = await startHub();
    heater = await joinDevice(hub, esp32('heater'));
    await heater.onCommand(({ method }) => {
      done.push(method);
      return { result: {} };
    });
  });
  afterEach(() => done.splice(0));
  after(async () => {
    await heater.end();
    await hub.stop();
    await hub.cleanUp();
  });

  it('the policy that comes with the hub changes nothing', async () => {
    assert.equal((await heat(100)).result.status, 'success');
  });

  it('after a deploy hold for HTTP, batches, methods of devices and flows alike; nothing leaves', async () => {
    await ask(hub, 'device.register_method', { device_id: heater.id, method_name: 'oven.heat' });
    await setPolicy([{ name: 'half', range: { argument: 'percent', max: 50 } }]);
    const { error } = await heat(51);
    assert.equal(error?.code, -32005);
    assert.equal(error.data.policy, 'half');
    assert.deepEqual(error.data.allowed, { argument: 'percent', max: 50 });
    const args = { percent: 51 };
    const batch = { device_ids: [heater.id], command: 'heat', arguments: args };
    const { results } = await ask(hub, 'device.batch_execute', batch);
    assert.equal(results[0].error.data.policy, 'half');
    assert.equal((await call(hub, 'oven.heat', args)).error?.data.policy, 'half');

    const flow = await getFlow(hub);
    const z = commandTab(flow);
    const command = { device_id: heater.id, command: 'heat', arguments: args };
    await deploy(
      hub,
      [
        ...flow,
        {
          ...{
            id: 'aa01',
            type: 'inject',
            z,
            once: true,
            onceDelay: 0.1,
            props: [{ p: 'payload' }],
          },
          ...{ payload: JSON.stringify(command), payloadType: 'json', wires: [['aa02']] },
        },
        {
          ...{
            id: 'aa02',
            type: 'llm-iot-execute',
            z,
            hub: flow.find((n) => n.type === 'llm-iot-hub')!.id,
          },
          ...{ mode: 'device', timeout: '', wires: [[], ['aa03']] },
        },
        {
          ...{ id: 'aa03', type: 'debug', z, active: true, console: true, complete: 'true' },
          wires: [],
        },
      ],
      'nodes',
    );
    await eventually('the flow is refused', () => /policy half/.test(hub.output()));
    await deploy(hub, flow, 'nodes');
    assert.deepEqual(done, []);
    await heat(50);
    assert.deepEqual(done, ['heat']);
  });

  it('leave no way around by MQTT: on command topics the hub alone speaks', async () => {
    const admin = await connectAsync(hub.mqttUrl, {
      ...{ username: 'admin', password: hub.adminKey, clientId: 'hand', reconnectPeriod: 0 },
      protocolVersion: 5,
    });
    for (const end of ['request', 'other'])
      await assert.rejects(
        admin.publishAsync(`llm-iot/devices/${heater.id}/command/${end}`, '{}', { qos: 1 }),
        /Not authorized/,
      );
    await admin.endAsync();
  });

  it('go by fresh readings of other devices', async () => {
    const room = await joinDevice(hub, esp32('room'));
    await setPolicy([
      {
        ...{ name: 'only while it is cold', for: { device_ids: [heater.id] } },
        interlock: {
          ...{ device_id: room.id, measurement_type: 'temperature', is: '<', value: 20 },
          max_age: 600,
        },
      },
    ]);
    assert.match((await heat(1)).error?.data.reason, /there is no reading/);
    await room.publish('telemetry', temperature(19));
    await eventually('it is cold', async () => (await heat(1)).result?.status === 'success');
    await room.publish('telemetry', temperature(21));
    await eventually('it is warm', async () => (await heat(1)).error?.data.policy);
    await room.end();
  });

  it('hold after a restart, and rates go by what was sent before', async () => {
    await setPolicy([{ name: 'slow', rate: { argument: 'percent', per_minute: 60 } }]);
    await heat(1);
    await hub.stop();
    await heater.end();
    hub = await startHub({ dataDir: hub.dataDir });
    const { error } = await heat(99);
    assert.equal(error?.data.policy, 'slow');
    assert.equal(error.data.allowed.max < 99, true);
  });

  it('are checked for the form of the editor', async () => {
    const check = async (rules: unknown): Promise<unknown> => {
      const response = await fetch(`${hub.url}/llm-iot/policy/check`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ rules }),
      });
      return response.json();
    };
    assert.deepEqual(await check('[{"name":"a","deny":true}]'), { ok: true });
    assert.match(JSON.stringify(await check('[{"name":"a"}]')), /"ok":false.*exactly one/);
    assert.match(JSON.stringify(await check('[')), /"ok":false.*JSON/);
    assert.deepEqual(await check(undefined), { ok: true });
  });

  it('that cannot be read let no command leave, until they can', async () => {
    await setPolicy('[{ "name": "x" }]');
    const { error } = await heat(1);
    assert.equal(error?.code, -32005);
    assert.match(error.data.reason, /exactly one/);
    await setPolicy([]);
    assert.notEqual((await heat(1, { timeout_ms: 100 })).error?.code, -32005);
  });

  it('end when their node is deleted, and when it is disabled', async () => {
    await setPolicy([{ name: 'nothing', deny: true }]);
    assert.equal((await heat(1, { timeout_ms: 100 })).error?.data.policy, 'nothing');
    const flow = await getFlow(hub);
    const without = flow.filter(({ type }) => type !== 'llm-iot-policy');
    await deploy(hub, without, 'nodes');
    assert.notEqual((await heat(1, { timeout_ms: 100 })).error?.code, -32005);
    await deploy(hub, flow, 'nodes');
    assert.equal((await heat(1, { timeout_ms: 100 })).error?.data.policy, 'nothing');
    await setPolicy([{ name: 'nothing', deny: true }], { d: true });
    assert.notEqual((await heat(1, { timeout_ms: 100 })).error?.code, -32005);
  });
});
