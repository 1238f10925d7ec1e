import assert from 'node:assert/strict';
import { nodeReds, startRig, type NodeRig, type TestNode } from '../support/node-rig.ts';
import { esp32 } from '../support/hub-client.ts';
import type { HubMessage } from '../../nodes/runtime/message.ts';

type Document = Record<string, unknown>;

interface Case {
  name: string;
  node: Omit<TestNode, 'id'>;
  /** A message it can work on. */
  good: (known: Known) => HubMessage;
  /** What comes out of output 1. */
  answers: (payload: Document, message: HubMessage, known: Known) => void;
  /** A message it has to refuse, with the code and what the reason says; nothing can be wrong with some. */
  bad?: { message: HubMessage; code: number; reason: RegExp };
}

/** What the hub knows before each case. */
interface Known {
  deviceId: string;
  alertId: string;
}

const unknownDevice = { payload: { device_id: 'nobody' } };
const start = 1_760_000_000_000;

const cases: Case[] = [
  {
    name: 'device-register',
    node: { type: 'llm-iot-device-register' },
    good: () => ({ payload: esp32() }),
    answers(payload, { device }) {
      assert.match(String(payload['device_id']), /^[0-9a-f-]{36}$/);
      assert.equal(typeof payload['api_key'], 'string');
      assert.equal(device?.device_id, payload['device_id']);
      assert.equal((device as unknown as Document)['device_type'], 'mcu');
      assert.doesNotMatch(JSON.stringify(device), new RegExp(String(payload['api_key'])));
    },
    bad: { message: { payload: { device_type: 'mcu' } }, code: -32602, reason: /static_schema/ },
  },
  {
    name: 'plan',
    node: { type: 'llm-iot-plan', policy: '' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId, command: 'read' } }),
    answers({ plan_id, ok, steps }) {
      assert.deepEqual([typeof plan_id, ok, (steps as object[]).length], ['string', true, 1]);
    },
    bad: { message: { payload: { device_id: 'x' } }, code: -32602, reason: /command is missing/ },
  },
  {
    name: 'approve: list',
    node: { type: 'llm-iot-approve', operation: 'list', links: false, url: '' },
    good: () => ({ payload: { state: 'pending' } }),
    answers: (payload) => assert.deepEqual(payload['approvals'], []),
    bad: { message: { payload: { state: 'open' } }, code: -32602, reason: /state/ },
  },
  {
    name: 'audit-query',
    node: { type: 'llm-iot-audit-query' },
    good: () => ({ payload: { action: 'system', limit: 1 } }),
    answers({ events }) {
      assert.equal((events as { subject: string }[])[0]!.subject, 'hub.start');
    },
    bad: { message: { payload: { since: 'yesterday' } }, code: -32602, reason: /ISO 8601/ },
  },
  {
    name: 'sensor-discover',
    node: { type: 'llm-iot-sensor-discover' },
    good: ({ deviceId }) => ({
      payload: { mcu_id: deviceId, scan: { bus: 'i2c', address: '0x76', chip_id: '0x60' } },
    }),
    answers({ candidates }) {
      assert.match((candidates as { template: string }[])[0]!.template, /bme280/);
    },
    bad: {
      message: { payload: { mcu_id: 'nobody', scan: { bus: 'i2c' } } },
      code: -32000,
      reason: /nobody/,
    },
  },
  {
    name: 'device-query (list)',
    node: { type: 'llm-iot-device-query', operation: 'list' },
    good: () => ({ payload: {} }),
    answers({ devices }, _message, { deviceId }) {
      assert.ok((devices as Document[]).some(({ device_id }) => device_id === deviceId));
    },
    bad: { message: { payload: { status: 'asleep' } }, code: -32602, reason: /status/ },
  },
  {
    name: 'device-query (get)',
    node: { type: 'llm-iot-device-query', operation: 'get' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId } }),
    answers({ device_id, sensors }, _message, { deviceId }) {
      assert.equal(device_id, deviceId);
      assert.deepEqual(sensors, []);
    },
    bad: { message: unknownDevice, code: -32000, reason: /nobody/ },
  },
  {
    name: 'device-query (sensors)',
    node: { type: 'llm-iot-device-query', operation: 'sensors' },
    good: ({ deviceId }) => ({ payload: { mcu_id: deviceId } }),
    answers: ({ sensors }) => assert.deepEqual(sensors, []),
    bad: { message: { payload: { mcu_id: 'nobody' } }, code: -32000, reason: /nobody/ },
  },
  {
    name: 'device-query (find)',
    node: { type: 'llm-iot-device-query', operation: 'find' },
    good: () => ({ payload: {} }),
    answers({ devices, total, match }, _message, { deviceId }) {
      assert.ok((devices as Document[]).some(({ device_id }) => device_id === deviceId));
      assert.equal(match, 'all');
      assert.ok((total as number) > 0);
    },
    bad: { message: { payload: { limit: 1_000 } }, code: -32602, reason: /limit/ },
  },
  {
    name: 'device-query (describe)',
    node: { type: 'llm-iot-device-query', operation: 'describe' },
    good: ({ deviceId }) => ({ payload: { device: deviceId } }),
    answers({ device_id, summary }, _message, { deviceId }) {
      assert.equal(device_id, deviceId);
      assert.ok((summary as string).includes(deviceId));
    },
    bad: { message: { payload: { device: 'nobody' } }, code: -32602, reason: /nobody/ },
  },
  {
    name: 'device-update (update)',
    node: { type: 'llm-iot-device-update', operation: 'update' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId, name: 'greenhouse' } }),
    answers: ({ name }) => assert.equal(name, 'greenhouse'),
    bad: { message: unknownDevice, code: -32000, reason: /nobody/ },
  },
  {
    name: 'method-register',
    node: { type: 'llm-iot-method-register' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId, method_name: 'pump.start' } }),
    answers({ device_id, method_name }, _message, { deviceId }) {
      assert.deepEqual(
        { device_id, method_name },
        { device_id: deviceId, method_name: 'pump.start' },
      );
    },
    bad: {
      message: { payload: { device_id: 'nobody', method_name: 'pump.start' } },
      code: -32000,
      reason: /nobody/,
    },
  },
  {
    name: 'heartbeat',
    node: { type: 'llm-iot-heartbeat' },
    good: ({ deviceId }) => ({ payload: { status: 'online' }, device: { device_id: deviceId } }),
    answers({ device_id, status, server_time }, { device }, { deviceId }) {
      assert.deepEqual({ device_id, status }, { device_id: deviceId, status: 'online' });
      assert.ok(Date.parse(String(server_time)));
      assert.deepEqual(device, { device_id: deviceId });
    },
    bad: { message: unknownDevice, code: -32000, reason: /nobody/ },
  },
  {
    name: 'telemetry-query (query)',
    node: { type: 'llm-iot-telemetry-query', operation: 'query' },
    good: ({ deviceId }) => ({
      payload: { device_ids: [deviceId], time_range: { start, end: start + 1000 } },
    }),
    answers({ series }) {
      assert.deepEqual(
        (series as { points: { value: number }[] }[]).map(({ points }) => points[0]!.value),
        [21.5],
      );
    },
    bad: { message: { payload: {} }, code: -32602, reason: /device_ids/ },
  },
  {
    name: 'telemetry-query (latest)',
    node: { type: 'llm-iot-telemetry-query', operation: 'latest' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId } }),
    answers({ readings }) {
      const [{ value, timestamp }] = readings as [Document];
      assert.deepEqual(
        { value, timestamp },
        { value: 21.5, timestamp: '2025-10-09T08:53:20.000Z' },
      );
    },
    bad: { message: unknownDevice, code: -32000, reason: /nobody/ },
  },
  {
    name: 'schema-registry (list)',
    node: { type: 'llm-iot-schema-registry', operation: 'list' },
    good: () => ({ payload: { limit: 1 } }),
    answers: ({ schemas }) => assert.equal((schemas as []).length, 1),
    bad: { message: { payload: { kind: 'spoon' } }, code: -32602, reason: /kind/ },
  },
  {
    name: 'schema-registry (get)',
    node: { type: 'llm-iot-schema-registry', operation: 'get' },
    good: () => ({ payload: { name: 'bosch-bme280' } }),
    answers: ({ name }) => assert.equal(name, 'bosch-bme280'),
    bad: { message: { payload: {} }, code: -32602, reason: /name/ },
  },
  {
    name: 'schema-registry (register)',
    node: { type: 'llm-iot-schema-registry', operation: 'register' },
    good: () => ({
      payload: {
        name: 'my-board',
        version: '1.0.0',
        kind: 'device',
        description: 'a board of mine',
        schema: { type: 'object' },
      },
    }),
    answers: ({ name, version }) =>
      assert.deepEqual({ name, version }, { name: 'my-board', version: '1.0.0' }),
    bad: { message: { payload: { name: 'half' } }, code: -32004, reason: /./ },
  },
  {
    name: 'alert (raise)',
    node: {
      type: 'llm-iot-alert',
      action: 'raise',
      kind: 'hot',
      severity: 'error',
      message: 'too hot',
      lasting: true,
    },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId } }),
    answers({ kind, severity, state, message, device_id }, _message, { deviceId }) {
      assert.deepEqual(
        { kind, severity, state, message, device_id },
        {
          kind: 'hot',
          severity: 'error',
          state: 'raised',
          message: 'too hot',
          device_id: deviceId,
        },
      );
    },
  },
  {
    name: 'alert (raise, kind from the message)',
    node: {
      type: 'llm-iot-alert',
      action: 'raise',
      kind: '',
      severity: 'warning',
      message: '',
      lasting: false,
    },
    good: () => ({
      payload: { kind: 'leak' },
      error: { code: -32004, message: 'Schema validation failed', data: { reason: 'water' } },
    }),
    answers({ kind, message }) {
      assert.deepEqual({ kind, message }, { kind: 'leak', message: 'water' });
    },
    bad: { message: { payload: 'no kind' }, code: -32602, reason: /kind/ },
  },
  {
    name: 'alert (acknowledge)',
    node: { type: 'llm-iot-alert', action: 'acknowledge' },
    good: ({ alertId }) => ({
      payload: { alert_id: alertId },
      rpc: {
        id: 'none',
        method: 'alert.acknowledge',
        principal: { id: 'olga', role: 'user_operator' },
        transport: 'http',
      },
    }),
    answers({ state, acknowledged_by }) {
      assert.deepEqual(
        { state, acknowledged_by },
        { state: 'acknowledged', acknowledged_by: 'olga' },
      );
    },
    bad: { message: { payload: { alert_id: 'none' } }, code: -32602, reason: /alert/ },
  },
  {
    name: 'alert (list)',
    node: { type: 'llm-iot-alert', action: 'list' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId, kind: 'known' } }),
    answers: ({ alerts }) => assert.equal((alerts as []).length, 1),
    bad: { message: { payload: { severity: 'huge' } }, code: -32602, reason: /severity/ },
  },
  {
    name: 'alert (clear)',
    node: {
      type: 'llm-iot-alert',
      action: 'clear',
      kind: 'known',
      severity: 'warning',
      message: '',
      lasting: true,
    },
    good: ({ deviceId }) => ({ payload: {}, device: { device_id: deviceId } }),
    answers: ({ state }) => assert.equal(state, 'cleared'),
  },
  {
    name: 'hub-info (info)',
    node: { type: 'llm-iot-hub-info', what: 'info' },
    good: () => ({ payload: 'whatever' }),
    answers({ name, devices }) {
      assert.equal(name, 'LLM-IoT hub');
      assert.ok((devices as { devices: number }).devices > 0);
    },
  },
  {
    name: 'hub-info (health)',
    node: { type: 'llm-iot-hub-info', what: 'health' },
    good: () => ({}),
    answers: (payload) => assert.deepEqual(payload, { status: 'up' }),
  },
  {
    name: 'hub-info (methods)',
    node: { type: 'llm-iot-hub-info', what: 'methods' },
    good: () => ({}),
    answers: (payload) => assert.deepEqual(payload, { methods: [] }),
  },
  {
    name: 'device-update (remove)',
    node: { type: 'llm-iot-device-update', operation: 'remove' },
    good: ({ deviceId }) => ({ payload: { device_id: deviceId } }),
    answers({ removed, device_id }, _message, { deviceId }) {
      assert.deepEqual({ removed, device_id }, { removed: true, device_id: deviceId });
    },
    bad: { message: unknownDevice, code: -32000, reason: /nobody/ },
  },
];

const wired = cases.map(({ node }, index): TestNode => ({
  ...node,
  id: `node${index}`,
  type: node.type as string,
  outputs: 2,
}));
const unwired = wired.map((node): TestNode => ({ ...node, id: `${node.id}-alone`, outputs: 1 }));
const orphan: TestNode[] = wired.map((node) => ({ ...node, id: `${node.id}-orphan`, hub: '' }));

for (const nodeRed of nodeReds)
  describe(`nodes that are one operation of the hub, in ${nodeRed}`, () => {
    let rig: NodeRig;
    let known: Known;

    before(async () => {
      rig = await startRig({ nodeRed, nodes: [...wired, ...unwired, ...orphan] });
      const hub = await rig.hub();
      const { device_id: deviceId } = await hub.devices.register(esp32() as Document, undefined);
      await hub.storeReadings(
        [{ device_id: deviceId, measurement_type: 'temperature', value: 21.5, timestamp: start }],
        undefined,
      );
      const { alert_id: alertId } = await hub.raiseAlert({
        device_id: deviceId,
        kind: 'known',
        severity: 'warning',
        message: '',
        lasting: true,
      });
      known = { deviceId, alertId };
    });
    after(() => rig.stop());

    cases.forEach(({ name, good, answers, bad }, index) =>
      describe(name, () => {
        const id = `node${index}`;

        it('answers out of output 1, keeps the rest of the message and shows that it is ready', async () => {
          const { outputs, error, dones } = await rig.input(id, {
            ...good(known),
            topic: 'kept',
          });
          assert.equal(error, undefined);
          assert.equal(outputs[1]!.length, 0, JSON.stringify(outputs[1]));
          const [message] = outputs[0]!;
          assert.ok(message);
          assert.equal(message.topic, 'kept');
          answers(message.payload as Document, message, known);
          assert.equal(dones, 1);
          assert.deepEqual(rig.status(id), { fill: 'green', shape: 'dot', text: 'ready' });
        });

        if (bad) {
          it('refuses out of output 2 with code, meaning and reason, and shows why', async () => {
            const { outputs, error, dones } = await rig.input(id, bad.message);
            assert.equal(error, undefined);
            assert.equal(outputs[0]!.length, 0);
            const { code, message, data } = outputs[1]![0]!.error!;
            assert.equal(code, bad.code);
            assert.match(message, /^[A-Z]\w+/);
            assert.match((data as { reason: string }).reason, bad.reason);
            assert.deepEqual(outputs[1]![0]!.payload, bad.message.payload, 'what was refused');
            assert.equal(dones, 1);
            assert.match(rig.status(id)?.text ?? '', /^refused: /);
            assert.equal(rig.status(id)?.fill, 'yellow');
          });

          it('gives the refusal to a Catch node when nothing is wired to output 2', async () => {
            const { outputs, error, dones } = await rig.input(`${id}-alone`, bad.message);
            assert.deepEqual(outputs, [[], []]);
            assert.match(error!.message, bad.reason);
            assert.equal(dones, 1);
            const caught = rig.caught().at(-1)!.error as unknown as { source: { id: string } };
            assert.equal(caught.source.id, `${id}-alone`);
          });
        }

        it('says that no hub is chosen, and neither crashes nor swallows the message', async () => {
          const orphanId = `${id}-orphan`;
          assert.deepEqual(rig.statuses(orphanId)[0], {
            fill: 'red',
            shape: 'ring',
            text: 'no hub is chosen',
          });
          const { outputs, error, dones } = await rig.input(orphanId, good(known));
          assert.match(error!.message, /hub/);
          assert.equal(outputs[0]!.length, 0);
          assert.equal(outputs[1]![0]!.error?.code, -32603);
          assert.equal(dones, 1);
        });
      }),
    );
  });
