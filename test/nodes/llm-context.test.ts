import assert from 'node:assert/strict';
import { esp32 } from '../support/hub-client.ts';
import { nodeReds, startRig, type NodeRig } from '../support/node-rig.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import type { HubMessage } from '../../nodes/runtime/message.ts';

interface Told {
  text: string;
  bytes: number;
  devices: { shown: number; total: number };
  alerts: { shown: number; total: number };
  untrusted: string[];
}

for (const nodeRed of nodeReds)
  describe(`llm context, in ${nodeRed}`, () => {
    let rig: NodeRig;
    const ids: Record<string, string> = {};

    before(async () => {
      const type = 'llm-iot-llm-context';
      rig = await startRig({
        nodeRed,
        nodes: [
          { id: 'all', type, labels: '', maxBytes: '', outputs: 2 },
          { id: 'upstairs', type, labels: '{"floor":"1"}', maxBytes: '600', outputs: 2 },
          { id: 'wrong', type, labels: 'floor=1', maxBytes: '', outputs: 2 },
          { id: 'tiny', type, labels: '', maxBytes: '10', outputs: 2 },
          { id: 'orphan', type, labels: '', maxBytes: '', hub: '', outputs: 2 },
        ],
      });
      const hub = await rig.hub();
      const now = Date.now();
      for (const [name, floor, value] of [
        ['bedroom', '1', 18.5],
        ['kitchen', '0', 22],
      ] as const) {
        const { device_id } = await hub.devices.register(
          { ...esp32(), hardware_id: name, name, location: name, labels: { floor } },
          undefined,
        );
        ids[name] = device_id;
        await hub.storeReadings(
          [{ device_id, measurement_type: 'temperature', value, unit: 'celsius', timestamp: now }],
          undefined,
        );
        await hub.raiseAlert({
          device_id,
          kind: name,
          severity: 'warning',
          message: 'hot',
          lasting: true,
        });
      }
      const old = { measurement_type: 'humidity', value: 40, timestamp: now - 2 * 86_400_000 };
      await hub.storeReadings([{ device_id: ids['kitchen']!, ...old }], undefined);
      await hub.raiseAlert({ kind: 'disk', severity: 'error', message: 'full', lasting: true });
    });
    after(() => rig.stop());

    const tell = async (id: string, message: HubMessage = {}): Promise<Told> => {
      const { outputs, error } = await rig.input(id, message);
      assert.equal(error, undefined);
      assert.equal(outputs[0]!.length, 1, JSON.stringify(outputs[1]));
      return outputs[0]![0]!.payload as Told;
    };
    const called = (principal: Principal): HubMessage => ({
      payload: {},
      rpc: { id: 'c', method: 'context', principal, transport: 'http' },
    });

    it('tells rooms, devices with what was stored of them, and alarms', async () => {
      const told = await tell('all', { payload: 'a question' });
      assert.deepEqual(
        [told.devices, told.alerts],
        [
          { shown: 2, total: 2 },
          { shown: 3, total: 3 },
        ],
      );
      assert.deepEqual(told.untrusted, ['text']);
      assert.ok(told.text.includes(`"bedroom" ("mcu", ${ids['bedroom']}), `));
      assert.match(told.text, /"temperature" 18\.5 celsius, (now|\d+ s ago)/);
      assert.match(told.text, /"temperature" 22 celsius, (now|\d+ s ago)/);
      assert.match(told.text, /- error "disk", .*: "full"/);
      assert.equal(told.bytes, Buffer.byteLength(told.text));
    });

    it('is about devices with the labels of the node, which a message cannot widen', async () => {
      for (const payload of [{}, { max_bytes: 100_000 }, { labels: {} }]) {
        const told = await tell('upstairs', { payload });
        assert.deepEqual([told.devices.total, told.alerts.total], [1, 1]);
        assert.doesNotMatch(told.text, /kitchen|disk/);
        assert.ok(told.bytes <= 600);
      }
      const none = await tell('upstairs', { payload: { labels: { floor: '0' } } });
      assert.deepEqual([none.devices.total, none.alerts.total], [0, 0]);
    });

    it('asks for less by the message', async () => {
      const told = await tell('all', { payload: { location: 'kitchen', max_bytes: 512 } });
      assert.deepEqual([told.devices.total, told.alerts.total], [1, 1]);
      assert.ok(told.bytes <= 512);
    });

    it('tells a caller of the devices and times that its key is for', async () => {
      assert.match((await tell('all')).text, /"humidity" 40, 2 d ago/);
      const scope = { device_ids: [ids['kitchen']!], read_window: '1d' };
      const told = await tell('all', called({ id: 'k', role: 'llm_read', scope }));
      assert.deepEqual([told.devices.total, told.alerts.total], [1, 1]);
      assert.match(told.text, /"temperature" 22 celsius/);
      assert.doesNotMatch(told.text, /bedroom|disk|humidity/);
    });

    it('refuses out of output 2, and keeps the message', async () => {
      for (const payload of [{ max_bytes: 1 }, { max_bytes: 200_000 }, { labels: 'x' }]) {
        const { outputs, error } = await rig.input('all', { payload, topic: 'kept' });
        assert.equal(error, undefined);
        assert.equal(outputs[0]!.length, 0);
        assert.equal(outputs[1]![0]!.error?.code, -32602);
        assert.equal(outputs[1]![0]!.topic, 'kept');
      }
    });

    it('shows what is wrong with its form, and tells nothing then', async () => {
      for (const [id, reason] of [
        ['wrong', /labels must be JSON/],
        ['tiny', /max_bytes must be an integer from 512/],
      ] as const) {
        assert.equal(rig.status(id)?.fill, 'red');
        const { outputs } = await rig.input(id, {});
        assert.equal(outputs[0]!.length, 0);
        assert.match((outputs[1]![0]!.error?.data as { reason: string }).reason, reason);
      }
      const { error } = await rig.input('orphan', {});
      assert.match(error!.message, /hub/);
    });
  });
