import assert from 'node:assert/strict';
import { esp32 } from '../support/hub-client.ts';
import { nodeReds, startRig, type NodeRig, type TestNode } from '../support/node-rig.ts';

const nodes: TestNode[] = [
  { id: 'register', type: 'llm-iot-device-register', outputs: 2 },
  { id: 'resolve', type: 'llm-iot-resolve', outputs: 3 },
];

for (const nodeRed of nodeReds)
  describe(`resolve, in ${nodeRed}`, () => {
    let rig: NodeRig;
    const ids: string[] = [];
    before(async () => {
      rig = await startRig({ nodeRed, nodes });
      await rig.deploy();
      for (const side of ['left', 'right']) {
        const payload = { ...esp32(`lamp-${side}`), name: `${side} lamp`, location: 'Kitchen' };
        const { outputs } = await rig.input('register', { payload });
        ids.push((outputs[0]![0]!.payload as { device_id: string }).device_id);
      }
    });
    after(() => rig.stop());

    it('sets the devices that are meant, of a text or of params', async () => {
      for (const payload of ['Küchenlampe links', { phrase: 'the left lamp' }]) {
        const { outputs, error } = await rig.input('resolve', { payload });
        assert.equal(error, undefined);
        const [message] = outputs[0] as [{ device: object; device_ids: string[] }];
        assert.deepEqual(message.device, { device_id: ids[0] });
        assert.deepEqual(message.device_ids, [ids[0]]);
      }
      const { outputs } = await rig.input('resolve', { payload: 'all lamps' });
      const [message] = outputs[0] as [{ device?: object; device_ids: string[] }];
      assert.equal(message.device, undefined);
      assert.deepEqual([...message.device_ids].sort(), [...ids].sort());
    });

    it('sends what is not clear out of the second output, and nonsense out of the third', async () => {
      for (const [payload, status] of [
        ['kitchen lamp', 'ambiguous'],
        ['the lamp in the dungeon', 'unknown'],
      ]) {
        const { outputs } = await rig.input('resolve', { payload });
        assert.deepEqual(outputs[0], []);
        const answer = outputs[1]![0]!.payload as { status: string; candidates: unknown[] };
        assert.equal(answer.status, status);
        assert.equal(answer.candidates.length, 2);
      }
      for (const payload of ['', 'x'.repeat(201), 7, { phrase: 'x', limit: 0 }]) {
        const { outputs } = await rig.input('resolve', { payload });
        assert.equal(outputs[2]![0]!.error?.code, -32602);
      }
    });
  });
