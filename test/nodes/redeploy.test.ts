import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ask, openSocket, temperature } from '../support/hub-client.ts';
import { joinRig, nodeReds, startRig, type FlowNode, type NodeRig } from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const hubFlow = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../flows/hub.json'), 'utf8'),
) as FlowNode[];
const coreNodes = [
  'common/20-inject',
  'common/21-debug',
  'common/90-comment',
  'function/10-function',
  'function/10-switch',
  'function/15-change',
];
const redeploys = 50;

/** The shipped flow with the config nodes of the rig. */
function shippedFlow(rig: NodeRig): FlowNode[] {
  const change: Record<string, object> = {
    'llm-iot-hub': { dataDir: rig.dataDir },
    'llm-iot-broker': { host: '127.0.0.1', port: '0' },
  };
  const shippedHub = hubFlow.find(({ type }) => type === 'llm-iot-hub')!.id;
  const text = JSON.stringify(hubFlow.map((node) => ({ ...node, ...change[node.type] })));
  return JSON.parse(text.replaceAll(`"${shippedHub}"`, `"${rig.hubId}"`)) as FlowNode[];
}

/** Timers, sockets, servers and threads that live now: what Node itself has made and not destroyed. */
function watchResources(): { counts(): Record<string, number>; stop(): void } {
  const watched = ['Timeout', 'TCPWRAP', 'TCPSERVERWRAP', 'WORKER', 'MESSAGEPORT', 'PIPEWRAP'];
  const live = new Map<number, string>();
  const hook = createHook({
    init(id, type) {
      if (watched.includes(type)) live.set(id, type);
    },
    destroy: (id) => void live.delete(id),
  }).enable();
  return {
    counts: () =>
      Object.fromEntries(
        watched.map((type) => [type, [...live.values()].filter((one) => one === type).length]),
      ),
    stop: () => void hook.disable(),
  };
}

/** A few timers come and go by themselves, as when what happened is gathered for a minute: what grows is more of them. */
const perDeploy = ({ Timeout = 0, ...others }: Record<string, number>): Record<string, number> => ({
  ...others,
  Timeout: Math.floor(Timeout / redeploys),
});

const listenersOf = (emitter: NodeJS.EventEmitter): Record<string, number> =>
  Object.fromEntries(
    emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]),
  );

for (const nodeRed of nodeReds)
  describe(`${redeploys} full deploys of the shipped flow, in ${nodeRed}`, function () {
    this.timeout(120_000);
    let rig: NodeRig;

    before(async () => {
      rig = await startRig({ nodeRed, nodes: [], core: coreNodes });
    });
    after(() => rig.stop());

    it('leave nothing behind, and connections untouched', async () => {
      const flow = shippedFlow(rig);
      const resources = watchResources();
      const branches = [
        'telemetry',
        'status',
        'command-response',
        'announce',
        'query',
        'any',
      ] as const;
      await rig.deployFlow(flow);
      const hub = await rig.hub();
      await until('its methods are there', () => hub.methods.names().length > 20);
      const device = await joinRig(rig);
      const socket = await openSocket(rig);
      let closed = 0;
      device.mqtt.on('close', () => (closed += 1));
      socket.socket.on('close', () => (closed += 1));
      await device.publish('telemetry', temperature(20));
      await socket.call('subscribe', { channels: [`device.${device.id}.telemetry`] });
      const snapshot = (): object => ({
        process: listenersOf(process),
        server: listenersOf(rig.server),
        nodeRed: listenersOf(rig.events),
        hubEvents: hub.events.listenerCount(),
        inbound: branches.map((branch) => [branch, hub.inbound.attached(branch)]),
        methods: hub.methods.names(),
        streams: { ...hub.streams.stats(), sent: 0 },
        mqttClients: hub.mqtt.stats().clients,
        openDeliveries: hub.deliveries.openCount(),
        pendingCalls: hub.dispatcher.stats().pending,
        resources: perDeploy(resources.counts()),
      });
      // The first deploy after the start creates what Node-RED itself keeps from then on.
      await rig.deployFlow(flow);
      const before = snapshot();

      for (let round = 1; round <= redeploys; round += 1) await rig.deployFlow(flow);

      assert.equal(await rig.hub(), hub, 'it is the same hub');
      assert.equal(closed, 0, 'no connection was closed');
      await device.publish('telemetry', temperature(21));
      await until('the live update', () => socket.updates().length > 0);
      const { readings } = await ask(rig, 'telemetry.latest', { device_id: device.id });
      assert.equal(readings[0].value, 21);
      await until('nothing is left', () => isDeepStrictEqual(snapshot(), before)).catch(
        () => undefined, // the next line says what is
      );
      assert.deepEqual(snapshot(), before);
      await socket.close();
      await device.end();
      resources.stop();
    });

    it('a hub that is removed takes its server, its paths and its threads with it', async () => {
      const resources = watchResources();
      await rig.deployFlow([]);
      const reference = {
        server: listenersOf(rig.server),
        nodeRed: listenersOf(rig.events),
        process: listenersOf(process),
      };
      for (let round = 1; round <= 3; round += 1) {
        await rig.deployFlow(shippedFlow(rig));
        await rig.deployFlow([]);
      }
      assert.equal(
        await fetch(`${rig.url}/rpc`, { method: 'POST' }).then(({ status }) => status),
        404,
      );
      const none = { TCPWRAP: 0, TCPSERVERWRAP: 0, WORKER: 0, MESSAGEPORT: 0, PIPEWRAP: 0 };
      const left = (): object => ({ ...none, ...resources.counts(), Timeout: 0 });
      await until('nothing is left', () => isDeepStrictEqual(left(), { ...none, Timeout: 0 }));
      assert.deepEqual(
        {
          server: listenersOf(rig.server),
          nodeRed: listenersOf(rig.events),
          process: listenersOf(process),
        },
        reference,
      );
      resources.stop();
    });
  });
