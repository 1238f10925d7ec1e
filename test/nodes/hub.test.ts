import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { call, temperature } from '../support/hub-client.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import {
  joinRig,
  nodeReds,
  startRig,
  type NodeRig,
  type RigOptions,
  type TestNode,
} from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const nodes: TestNode[] = [
  {
    id: 'healthIn',
    type: 'llm-iot-rpc-in',
    method: 'hub.health',
    description: 'Up or down',
    params: '{"type":"object"}',
    result: '{}',
    roles: [],
    readOnly: true,
    destructive: false,
    timeout: '5',
    deviceMethods: false,
    open: true,
    to: [['health']],
  },
  { id: 'health', type: 'llm-iot-hub-info', what: 'health', outputs: 2, to: [['answer']] },
  { id: 'answer', type: 'llm-iot-rpc-out' },
  { id: 'source', type: 'llm-iot-mqtt-in', branch: 'telemetry', outputs: 2, to: [['write']] },
  { id: 'write', type: 'llm-iot-telemetry-write', outputs: 2 },
  { id: 'events', type: 'llm-iot-device-event', events: ['online'], outputs: 1 },
  { id: 'publish', type: 'llm-iot-mqtt-out', topic: 'llm-iot/hello', qos: '1', retain: false },
];
const shown = nodes.map(({ id }) => id);

/** A hub that did not start: it says why in the log, every node under itself, and a message fails with it. */
async function isBroken(rig: NodeRig, why: RegExp): Promise<void> {
  await assert.rejects(rig.hub(), why);
  assert.ok(
    rig.errors().some((text) => /the hub could not start/.test(text) && why.test(text)),
    `the log: ${rig.errors().join('\n')}`,
  );
  for (const id of shown) {
    assert.equal(rig.status(id)?.fill, 'red', id);
    assert.equal(rig.status(id)?.shape, 'ring', id);
  }
  const { outputs, error, dones } = await rig.input('health', {});
  assert.match(error!.message, why);
  assert.equal(dones, 1);
  assert.equal(outputs[1]![0]!.error?.code, -32603);
  const publish = await rig.input('publish', { payload: 1 });
  assert.match(publish.error!.message, why);
  assert.equal(publish.dones, 1);
}

async function isWell(rig: NodeRig): Promise<void> {
  assert.deepEqual((await call(rig, 'hub.health', {}, '')).result, { status: 'up' });
  for (const id of shown)
    assert.deepEqual(rig.status(id), { fill: 'green', shape: 'dot', text: 'ready' }, id);
}

for (const nodeRed of nodeReds)
  describe(`the hub with its broker and store, in ${nodeRed}`, () => {
    let rig: NodeRig | undefined;
    const start = async (options: Partial<RigOptions>): Promise<NodeRig> =>
      (rig = await startRig({ nodeRed, nodes, ...options }));
    afterEach(async () => {
      await rig?.stop();
      rig = undefined;
    });

    it('every node shows that the hub is starting, then that it is ready', async () => {
      const hub = await start({});
      await isWell(hub);
      for (const id of shown)
        assert.deepEqual(
          hub.statuses(id).map(({ fill, text }) => [fill, text]),
          [
            ['grey', 'starting'],
            ['green', 'ready'],
          ],
        );
    });

    it('a taken port is told everywhere, and a deploy with another port heals it', async () => {
      const squatter = createServer().listen(0, '127.0.0.1');
      await once(squatter, 'listening');
      const { port } = squatter.address() as AddressInfo;
      const hub = await start({ broker: { port: String(port) }, broken: true });
      await isBroken(hub, new RegExp(`EADDRINUSE|${port}`));
      await hub.deploy({ broker: { port: '0' } });
      await isWell(hub);
      await hub.deploy({ broker: { port: String(port) }, broken: true });
      await isBroken(hub, new RegExp(`EADDRINUSE|${port}`));
      squatter.close();
      await once(squatter, 'close');
      await hub.deploy({});
      await isWell(hub);
    });

    it('a telemetry.db that is no database is told, left alone, and healed by another file', async () => {
      const hub = await start({ store: null, broken: true });
      await isBroken(hub, /store/);
      const file = join(hub.dataDir, 'damaged', 'telemetry.db');
      await mkdir(join(hub.dataDir, 'damaged'));
      await writeFile(file, 'this is no database'.repeat(1000));
      await hub.deploy({ store: { file }, broken: true });
      await isBroken(hub, /telemetry\.db/);
      await hub.deploy({ store: { file: 'other.db' } });
      await isWell(hub);
    });

    it('a hub without a broker says that one has to be chosen', async () => {
      const hub = await start({ broker: null, broken: true });
      await isBroken(hub, /no broker: choose one/);
    });

    it('a second hub on the same path is refused, the first goes on', async () => {
      const hub = await start({});
      await hub.deploy({
        nodes: [
          ...nodes,
          {
            id: 'secondHub',
            type: 'llm-iot-hub',
            broker: 'secondBroker',
            store: 'secondStore',
            dataDir: join(hub.dataDir, 'second'),
            rpcPath: '/rpc',
            wsPath: '/ws2',
            unknownTypes: 'learn',
          },
          {
            id: 'secondBroker',
            type: 'llm-iot-broker',
            kind: 'embedded',
            host: '127.0.0.1',
            port: '0',
          },
          { id: 'secondStore', type: 'llm-iot-store', kind: 'sqlite', file: '' },
          { id: 'secondInfo', type: 'llm-iot-hub-info', what: 'info', hub: 'secondHub' },
        ],
      });
      await until('the second is refused', () => hub.status('secondInfo')?.fill === 'red');
      assert.match(hub.status('secondInfo')?.text ?? '', /another hub serves \/rpc/);
      await isWell(hub);
    });

    it('MCP is on its path, on another that is set, or switched off by a dash', async () => {
      const hub = await start({});
      const status = async (path: string): Promise<number> =>
        (await fetch(hub.url + path, { method: 'POST' })).status;
      assert.equal(await status('/mcp'), 401);
      await hub.deploy({ hub: { mcpPath: '/models' } });
      await isWell(hub);
      assert.deepEqual([await status('/mcp'), await status('/models')], [404, 401]);
      await hub.deploy({ hub: { mcpPath: '-' } });
      await isWell(hub);
      assert.deepEqual([await status('/mcp'), await status('/models')], [404, 404]);
    });

    it('changed settings start the hub anew with what it knew; the same settings keep it', async () => {
      const hub = await start({});
      const before = await hub.hub();
      const device = await joinRig(hub);
      await device.publish('telemetry', temperature(20));
      await hub.deploy();
      assert.equal(await hub.hub(), before);
      assert.equal(device.mqtt.connected, true);
      await hub.deploy({ hub: { heartbeatInterval: '30' } });
      const after = await hub.hub();
      assert.notEqual(after, before);
      assert.equal(after.devices.get(device.id).device_id, device.id);
      assert.equal((after.latest({ device_id: device.id }) as { readings: [] }).readings.length, 1);
      await device.end();
      await isWell(hub);
    });

    it('an external broker is used: devices reach the hub through it, and it them', async function () {
      const mosquitto = await startMosquitto(this);
      try {
        const hub = await start({ broker: { kind: 'external', url: mosquitto.url } });
        const running = await hub.hub();
        await until('the hub is connected', async () => (await running.health()).status === 'up');
        const { device_id } = await running.devices.register(
          {
            device_type: 'mcu',
            static_schema: { manufacturer: 'A', model: 'B', firmware_version: '1.0.0' },
          },
          undefined,
        );
        const client = await connectAsync(mosquitto.url);
        const heard: string[] = [];
        client.on('message', (_topic, payload) => heard.push(payload.toString()));
        await client.subscribeAsync('llm-iot/hello');
        await client.publishAsync(
          `llm-iot/devices/${device_id}/telemetry`,
          JSON.stringify(temperature(22)),
          { qos: 1 },
        );
        await hub.next('write');
        assert.equal((await hub.input('publish', { payload: 'hi' })).error, undefined);
        await until('the message', () => heard.includes('hi'));
        await client.endAsync(true);
      } finally {
        await rig?.stop();
        rig = undefined;
        await mosquitto.stop();
      }
    });

    it('an external broker that is not there leaves the hub running, and down', async () => {
      const hub = await start({ broker: { kind: 'external', url: 'mqtt://127.0.0.1:1' } });
      assert.deepEqual((await call(hub, 'hub.health', {}, '')).result, { status: 'down' });
      const { problems } = (await (await hub.hub()).info()) as { problems: { problem: string }[] };
      assert.ok(problems.some(({ problem }) => problem === 'broker'));
    });
  });
