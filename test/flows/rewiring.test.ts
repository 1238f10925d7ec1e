import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  hubIsUp,
  joinDevice,
  temperature,
  type FlowNode,
} from '../support/hub-client.ts';

const find = (flow: FlowNode[], type: string, more: Partial<FlowNode> = {}): FlowNode => {
  const found = flow.find(
    (node) =>
      node.type === type && Object.entries(more).every(([key, value]) => node[key] === value),
  );
  assert.ok(found, `${type} in the flow`);
  return found;
};

describe('rewiring the hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let shipped: FlowNode[];

  before(async () => {
    hub = await startHub();
    shipped = await getFlow(hub);
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });
  afterEach(async () => {
    await deploy(hub, shipped);
    await hubIsUp(hub);
  });

  it('a function between validation and storage changes what is stored', async () => {
    const flow = structuredClone(shipped);
    const validate = find(flow, 'llm-iot-validate');
    const write = find(flow, 'llm-iot-telemetry-write');
    flow.push({
      id: 'toCelsius',
      type: 'function',
      z: validate.z!,
      name: 'to celsius',
      func: `for (const r of msg.payload) if (r.unit === 'fahrenheit') { r.value = (r.value - 32) * 5 / 9; r.unit = 'celsius'; }
             return msg;`,
      outputs: 1,
      libs: [],
      x: 0,
      y: 0,
      wires: [[write.id]],
    });
    validate.wires![0] = ['toCelsius'];
    await deploy(hub, flow);

    const device = await joinDevice(hub);
    await device.publish('telemetry', {
      measurement_type: 'temperature',
      value: 212,
      unit: 'fahrenheit',
    });
    const { readings } = await ask(hub, 'telemetry.latest', { device_id: device.id });
    assert.equal(readings[0].value, 100);
    assert.equal(readings[0].unit, 'celsius');
    await device.end();
  });

  it('a dragged rpc-in, function and rpc-out give every LLM a new method, validated, authorised and listed', async () => {
    const tab = find(shipped, 'tab', { label: 'Your own' }).id;
    const config = find(shipped, 'llm-iot-hub').id;
    await deploy(hub, [
      ...shipped,
      {
        id: 'myIn',
        type: 'llm-iot-rpc-in',
        z: tab,
        hub: config,
        method: 'greet.somebody',
        description: 'Greets',
        params: '{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}',
        result: '{}',
        roles: ['llm_read'],
        readOnly: true,
        destructive: false,
        timeout: 1,
        deviceMethods: false,
        open: false,
        x: 0,
        y: 0,
        wires: [['myFunction']],
      },
      {
        id: 'myFunction',
        type: 'function',
        z: tab,
        func: `if (msg.payload.name === 'nobody') return null;
               if (msg.payload.name === 'trouble') throw new Error('no greeting');
               msg.payload = 'hello ' + msg.payload.name; return msg;`,
        outputs: 1,
        libs: [],
        x: 0,
        y: 0,
        wires: [['myOut']],
      },
      { id: 'myOut', type: 'llm-iot-rpc-out', z: tab, hub: config, x: 0, y: 0, wires: [] },
    ]);

    assert.equal(await ask(hub, 'greet.somebody', { name: 'world' }), 'hello world');
    assert.equal(await ask(hub, 'greet.somebody', ['positional'] as never), 'hello positional');
    const invalid = await call(hub, 'greet.somebody', { name: 7 });
    assert.equal(invalid.error?.code, -32602);
    assert.match(invalid.error.data.reason as string, /name/);
    const device = await joinDevice(hub);
    assert.equal(
      (await call(hub, 'greet.somebody', { name: 'x' }, device.key)).error?.code,
      -32005,
    );
    await device.end();
    assert.equal((await call(hub, 'greet.somebody', { name: 'nobody' })).error?.code, -32003);
    const failed = await call(hub, 'greet.somebody', { name: 'trouble' });
    assert.equal(failed.error?.code, -32603, 'the Catch node of the tab answers for the function');
    const { methods } = await ask(hub, 'rpc.methods');
    assert.ok(methods.some(({ name }: { name: string }) => name === 'greet.somebody'));

    await deploy(hub, shipped);
    const gone = await call(hub, 'greet.somebody', { name: 'world' });
    assert.equal(gone.error?.code, -32601);
  });

  it('a cut wire to the store is not silent: no acknowledgement, a red node, a problem in hub.info', async () => {
    const flow = structuredClone(shipped);
    find(flow, 'llm-iot-hub')['settleTimeout'] = 1;
    find(flow, 'llm-iot-validate').wires![0] = [];
    await deploy(hub, flow);
    await hubIsUp(hub);
    const source = find(flow, 'llm-iot-mqtt-in', { branch: 'telemetry' }).id;

    const device = await joinDevice(hub, esp32('cut-wire'));
    await assert.rejects(
      device.publish('telemetry', temperature(20)),
      'the device must not be told it is stored',
    );
    const { problems, telemetry } = await ask(hub, 'hub.info');
    const problem = problems.find((one: { problem: string }) => one.problem === 'unsettled');
    assert.equal(problem.node, source);
    assert.equal(problem.readings, 1);
    const { received, stored, dropped } = telemetry.readings.mqtt;
    assert.deepEqual(
      { received, stored, dropped },
      { received: 1, stored: 0, dropped: { unsettled: 1 } },
    );
    assert.match(problem.last_node, /validate/);
    await device.end();
  });

  it('a deploy keeps devices connected and their messages', async () => {
    const device = await joinDevice(hub, esp32('keeps-connection'));
    let closed = false;
    device.mqtt.on('close', () => (closed = true));
    const deploying = deploy(hub, shipped);
    await Promise.all(
      Array.from({ length: 50 }, (_unused, index) =>
        device.publish('telemetry', temperature(index, { timestamp: 1_760_000_000_000 + index })),
      ),
    );
    await deploying;
    const { series } = await ask(hub, 'data.query', {
      device_ids: [device.id],
      time_range: { start: 1_760_000_000_000, end: 1_760_000_001_000 },
    });
    assert.equal(series[0].points.length, 50);
    assert.equal(closed, false);
    await device.end();
  });

  it('a deleted alert tab takes alarms away and nothing else', async () => {
    const tab = find(shipped, 'tab', { label: 'Presence and alerts' }).id;
    await deploy(
      hub,
      shipped.filter((node) => node.id !== tab && node.z !== tab),
    );
    assert.equal((await call(hub, 'alert.list')).error?.code, -32601);
    const device = await joinDevice(hub, esp32('no-alerts'));
    await device.publish('telemetry', temperature(21));
    const stored = await eventually('the reading', async () => {
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: device.id });
      return readings[0];
    });
    assert.equal(stored.value, 21);
    await device.end();
  });
});
