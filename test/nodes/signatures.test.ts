import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import type { HubMessage } from '../../nodes/runtime/message.ts';
import { esp32 } from '../support/hub-client.ts';
import { nodeReds, startRig, type NodeRig, type TestNode } from '../support/node-rig.ts';

const secretOf = (letter: string): string => `whsec_${Buffer.alloc(32, letter).toString('base64')}`;
const [secret, previous] = [secretOf('a'), secretOf('b')];
const nodes: TestNode[] = [
  { id: 'sign', type: 'llm-iot-sign', what: 'payload', outputs: 2, credentials: { secret } },
  {
    ...{ id: 'both', type: 'llm-iot-sign', what: 'payload', outputs: 2 },
    credentials: { secret, previous },
  },
  { id: 'command', type: 'llm-iot-sign', what: 'command', outputs: 2, credentials: { secret } },
  { id: 'verify', type: 'llm-iot-verify', outputs: 2, credentials: { secret } },
  { id: 'old', type: 'llm-iot-verify', outputs: 2, credentials: { secret: previous } },
  { id: 'bare', type: 'llm-iot-sign', what: 'payload', outputs: 2 },
  { id: 'wrong', type: 'llm-iot-verify', outputs: 2, credentials: { secret: 'hush' } },
  { id: 'execute', type: 'llm-iot-execute', mode: 'device', timeout: '0.1', outputs: 2 },
];

for (const nodeRed of nodeReds)
  describe(`sign and verify, in ${nodeRed}`, () => {
    let rig: NodeRig;
    before(async () => {
      rig = await startRig({ nodeRed, nodes });
      await rig.deploy();
    });
    after(() => rig.stop());

    const headersOf = (message: object): Record<string, string> =>
      (message as { headers: Record<string, string> }).headers;
    const signed = async (payload: unknown, node = 'sign') => {
      const { outputs, error } = await rig.input(node, { payload });
      assert.equal(error, undefined);
      return outputs[0]![0]!;
    };
    const refusal = async (node: string, message: HubMessage): Promise<unknown> => {
      const { outputs } = await rig.input(node, message);
      assert.deepEqual(outputs[0], []);
      const { code, data } = outputs[1]![0]!.error!;
      assert.equal(code, -32005);
      return (data as { signature: string }).signature;
    };

    it('sign: the text that leaves is what was signed, with headers that standardwebhooks takes', async () => {
      for (const payload of [{ paid: true }, '"ä 😀"', Buffer.from('[1]'), undefined]) {
        const message = await signed(payload);
        new Webhook(secret).verify(message.payload as string, headersOf(message));
      }
      const kept = await rig.input('sign', { payload: '1', headers: { accept: '*/*' } });
      assert.equal(headersOf(kept.outputs[0]![0]!)['accept'], '*/*');
    });

    it('sign: with two secrets both sides of a change are served', async () => {
      const message = await signed('1', 'both');
      for (const each of [secret, previous])
        new Webhook(each).verify(message.payload as string, headersOf(message));
      assert.equal((await rig.input('old', message)).outputs[0]!.length, 1);
    });

    it('verify: passes what is signed, once, as it came', async () => {
      const at = new Date();
      const payload = '{ "paid": true }';
      const headers = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('msg_1', at, payload),
      };
      const { outputs } = await rig.input('verify', { payload, req: { headers } });
      assert.equal(outputs[0]![0]!.payload, payload);
      assert.equal(await refusal('verify', { payload, headers }), 'replayed');
      const bytes = Buffer.from(payload);
      assert.equal(await refusal('verify', { payload: bytes, headers }), 'replayed');
    });

    it('verify: refuses what is changed, of another secret, old, or not signed', async () => {
      const message = await signed('1');
      assert.equal(await refusal('verify', { ...message, payload: '2' }), 'wrong');
      assert.equal(await refusal('old', message), 'wrong');
      assert.equal(await refusal('verify', { payload: '1' }), 'malformed');
      const late = { ...headersOf(message), 'webhook-timestamp': '1700000000' };
      assert.equal(await refusal('verify', { payload: '1', headers: late }), 'stale');
      const parsed = await rig.input('verify', { ...message, payload: { paid: true } });
      assert.equal(parsed.outputs[1]![0]!.error?.code, -32602);
      const broken = await rig.input('verify', { ...message, payload: Buffer.from([0xff]) });
      assert.equal(broken.outputs[1]![0]!.error?.code, -32602);
    });

    it('say so when they have no secret, or none that is one', async () => {
      for (const [node, reason] of [
        ['bare', /no signing secret/],
        ['wrong', /whsec_/],
      ] as const) {
        const { error } = await rig.input(node, { payload: '1' });
        assert.match(String(error?.message), reason);
        assert.equal(rig.status(node)?.fill, 'red');
      }
    });

    it('a critical command of the flow leaves when it is signed with the secret of the flow', async () => {
      const hub = await rig.hub();
      const by = { id: 'admin', role: 'llm_admin' } as const;
      const schema = esp32('door', { commands: { open: { critical: true } } });
      const { device_id } = await hub.devices.register(schema as Record<string, unknown>, by);
      const call = { device_id, command: 'open' };
      assert.equal(await refusal('execute', { payload: call }), 'missing');
      const made = await hub.signing.issueSigningSecret({ key_id: 'flow' }, by);
      await rig.deploy({
        nodes: nodes.map((node) =>
          node.id === 'command' ? { ...node, credentials: { secret: made.signing_secret } } : node,
        ),
      });
      const message = await signed(call, 'command');
      const { outputs } = await rig.input('execute', message);
      assert.equal(outputs[1]![0]!.error?.code, -32003, 'it left; nobody is there to answer');
      assert.equal(await refusal('execute', message), 'replayed');
      const batch = await signed({ device_ids: [device_id], command: 'open' }, 'command');
      const answer = await hub.commands.executeBatch(
        { ...(batch.payload as object), timeout_ms: 100 },
        undefined,
      );
      assert.equal(answer.results[0]?.error?.code, -32003);
      const nothing = await rig.input('command', { payload: {} });
      assert.equal(nothing.outputs[1]![0]!.error?.code, -32602);
    });
  });
