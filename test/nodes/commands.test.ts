import assert from 'node:assert/strict';
import { esp32 } from '../support/hub-client.ts';
import {
  joinRig,
  nodeReds,
  startRig,
  type NodeRig,
  type RigDevice,
  type TestNode,
} from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const nodes: TestNode[] = [
  {
    id: 'answers',
    type: 'llm-iot-mqtt-in',
    branch: 'command-response',
    outputs: 2,
    to: [['result']],
  },
  { id: 'result', type: 'llm-iot-command-result', outputs: 1 },
  { id: 'resultOrphan', type: 'llm-iot-command-result', outputs: 1, hub: '' },
  { id: 'device', type: 'llm-iot-execute', mode: 'device', timeout: '', outputs: 2 },
  { id: 'hasty', type: 'llm-iot-execute', mode: 'device', timeout: '0.1', outputs: 2 },
  { id: 'batch', type: 'llm-iot-execute', mode: 'batch', timeout: '', outputs: 2 },
  { id: 'hastyBatch', type: 'llm-iot-execute', mode: 'batch', timeout: '0.1', outputs: 2 },
  { id: 'method', type: 'llm-iot-execute', mode: 'method', timeout: '', outputs: 2 },
  { id: 'alone', type: 'llm-iot-execute', mode: 'device', timeout: '', outputs: 1 },
  ...['get', 'list', 'cancel', 'revert'].map((operation) => ({
    ...{ id: operation, type: 'llm-iot-command-query', operation, policy: '', outputs: 2 },
  })),
  { id: 'orphan', type: 'llm-iot-execute', mode: 'device', timeout: '', outputs: 2, hub: '' },
];

interface Command {
  id: string;
  method: string;
  params: object;
}

/** Answers commands by what `answer` says; keeps those it stays silent on. */
async function obey(
  device: RigDevice,
  answer: (command: Command) => object | undefined,
): Promise<Command[]> {
  const ignored: Command[] = [];
  device.mqtt.on('message', (_topic, payload) => {
    const command = JSON.parse(payload.toString()) as Command;
    const outcome = answer(command);
    if (!outcome) ignored.push(command);
    else void device.publish('command/response', { jsonrpc: '2.0', id: command.id, ...outcome });
  });
  await device.mqtt.subscribeAsync(`llm-iot/devices/${device.id}/command/request`, { qos: 1 });
  return ignored;
}

for (const nodeRed of nodeReds)
  describe(`execute and command result, in ${nodeRed}`, () => {
    let rig: NodeRig;
    let lamp: RigDevice;
    let fan: RigDevice;
    let ignored: Command[];

    before(async () => {
      rig = await startRig({ nodeRed, nodes });
      [lamp, fan] = await Promise.all([joinRig(rig), joinRig(rig)]);
      ignored = await obey(lamp, ({ method, params }) => {
        if (method === 'sulk') return undefined;
        if (method === 'break') return { error: { code: 1, message: 'the bulb is broken' } };
        return { result: { did: method, ...params } };
      });
      await obey(fan, () => ({ result: { spinning: true } }));
    });
    after(async () => {
      await lamp.end();
      await fan.end();
      await rig.stop();
    });

    it('device: the command reaches the device, and its answer comes out of output 1', async () => {
      const { outputs, error, dones } = await rig.input('device', {
        payload: { device_id: lamp.id, command: 'turn_on', arguments: { level: 7 } },
      });
      assert.equal(error, undefined);
      assert.equal(dones, 1);
      const result = outputs[0]![0]!.payload as Record<string, unknown>;
      assert.equal(result['status'], 'success');
      assert.deepEqual(result['result'], { did: 'turn_on', level: 7 });
      assert.equal(typeof result['command_id'], 'string');
      assert.equal(typeof result['execution_time_ms'], 'number');
      assert.equal(rig.status('device')?.text, 'ready');
      assert.equal(rig.status('result')?.text, 'ready');
      assert.deepEqual(rig.received('result'), [], 'an answer that is expected goes nowhere else');
    });

    it('device: what the device reports as an error is refused with -32007', async () => {
      const { outputs, dones } = await rig.input('device', {
        payload: { device_id: lamp.id, command: 'break' },
      });
      assert.deepEqual(outputs[0], []);
      const { code, data } = outputs[1]![0]!.error!;
      assert.equal(code, -32007);
      assert.match((data as { reason: string }).reason, /bulb/);
      assert.equal(dones, 1);
    });

    it('device: the timeout of the node ends a silent command, and the late answer leaves command result', async () => {
      const { outputs } = await rig.input('hasty', {
        payload: { device_id: lamp.id, command: 'sulk' },
      });
      assert.equal(outputs[1]![0]!.error?.code, -32003);
      await lamp.publish('command/response', {
        jsonrpc: '2.0',
        id: ignored[0]!.id,
        result: 'sorry',
      });
      const late = await rig.next('result');
      assert.deepEqual(late.payload, {
        device_id: lamp.id,
        fate: 'late',
        answer: { jsonrpc: '2.0', id: ignored[0]!.id, result: 'sorry' },
      });
    });

    it('device: the timeout a caller asks for comes before that of the node', async () => {
      const { outputs } = await rig.input('hasty', {
        payload: { device_id: lamp.id, command: 'turn_on', timeout_ms: 1 },
      });
      assert.equal(outputs[1]![0]!.error?.code, -32602, 'it is the caller’s that is checked');
    });

    it('command query: gets, lists, cancels and reverts; what it refuses goes to output 2', async () => {
      const payloadOf = async (id: string, payload: object): Promise<Record<string, unknown>> => {
        const { outputs, dones } = await rig.input(id, { payload });
        assert.equal(dones, 1);
        return outputs[0]![0]!.payload as Record<string, unknown>;
      };
      const codeOf = async (id: string, payload: object): Promise<number | undefined> =>
        (await rig.input(id, { payload })).outputs[1]![0]!.error?.code;
      const done = await payloadOf('device', { device_id: lamp.id, command: 'turn_on' });
      const command_id = done['command_id'];
      assert.equal((await payloadOf('get', { command_id }))['state'], 'done');
      const { commands } = await payloadOf('list', { device_id: lamp.id, limit: 1 });
      assert.deepEqual(
        (commands as { command_id: string }[]).map((one) => one.command_id),
        [command_id],
      );
      assert.equal(await codeOf('get', { command_id: 'none' }), -32602);
      assert.equal(await codeOf('cancel', { command_id }), -32602, 'it has ended');
      assert.equal(await codeOf('revert', { command_id }), -32602, 'the lamp names no inverse');
    });

    it('device: an unknown device goes to output 2, or to a Catch node', async () => {
      const payload = { device_id: 'nobody', command: 'turn_on' };
      const { outputs } = await rig.input('device', { payload });
      assert.equal(outputs[1]![0]!.error?.code, -32000);
      const { error, dones } = await rig.input('alone', { payload });
      assert.match(error!.message, /nobody/);
      assert.equal(dones, 1);
      const orphan = await rig.input('orphan', { payload });
      assert.match(orphan.error!.message, /hub/);
      assert.equal(orphan.dones, 1);
    });

    it('batch: a result for each device and a summary, failures among them', async () => {
      const { outputs, dones } = await rig.input('batch', {
        payload: { device_ids: [lamp.id, fan.id, 'nobody'], command: 'turn_on' },
      });
      const { results, summary } = outputs[0]![0]!.payload as {
        results: { device_id: string; status: string }[];
        summary: object;
      };
      assert.deepEqual(
        results.map(({ device_id, status }) => [device_id, status]),
        [
          [lamp.id, 'success'],
          [fan.id, 'success'],
          ['nobody', 'failed'],
        ],
      );
      assert.deepEqual(summary, { success: 2, failed: 1 });
      assert.equal(dones, 1);
      const bad = await rig.input('batch', { payload: { command: 'turn_on' } });
      assert.equal(bad.outputs[1]![0]!.error?.code, -32602);
    });

    it('batch: the timeout of the node holds for each device', async () => {
      const { outputs } = await rig.input('hastyBatch', {
        payload: { device_ids: [lamp.id], command: 'sulk' },
      });
      const { results } = outputs[0]![0]!.payload as { results: { error: { code: number } }[] };
      assert.equal(results[0]!.error.code, -32003);
    });

    it('method: the method of the call, or the topic, at the device that offers it', async () => {
      const hub = await rig.hub();
      await hub.devices.registerMethod({ device_id: fan.id, method_name: 'fan.spin' });
      const rpc = { id: 'x', principal: undefined, transport: 'http' as const };
      const called = await rig.input('method', {
        payload: { speed: 3 },
        rpc: { ...rpc, method: 'fan.spin' },
      });
      const { result } = called.outputs[0]![0]!.payload as { result: unknown };
      assert.deepEqual(result, { spinning: true });
      const byTopic = await rig.input('method', { payload: {}, topic: 'fan.spin' });
      assert.equal(byTopic.outputs[0]!.length, 1);
      const unknown = await rig.input('method', { payload: {}, topic: 'fan.sing' });
      assert.equal(unknown.outputs[1]![0]!.error?.code, -32601);
      assert.equal(unknown.dones, 1);
    });

    it('command result sends on what matches no command, and what is no answer', async () => {
      const from = { device: { device_id: fan.id } };
      const unknown = await rig.input('result', { payload: { id: 'none', result: 1 }, ...from });
      assert.equal((unknown.outputs[0]![0]!.payload as { fate: string }).fate, 'unknown');
      assert.equal(unknown.dones, 1);
      const malformed = await rig.input('result', { payload: 'gibberish', ...from });
      assert.equal((malformed.outputs[0]![0]!.payload as { fate: string }).fate, 'malformed');
    });

    it('an answer counts only from the device that was asked', async () => {
      const asked = rig.input('device', {
        payload: { device_id: lamp.id, command: 'sulk', timeout_ms: 300 },
      });
      const before = ignored.length;
      const command = await until('the command', () => ignored[before]);
      const { outputs } = await rig.input('result', {
        payload: { jsonrpc: '2.0', id: command.id, result: 'forged' },
        device: { device_id: fan.id },
      });
      assert.notEqual((outputs[0]![0]!.payload as { fate: string }).fate, 'matched');
      assert.equal((await asked).outputs[1]![0]!.error?.code, -32003);
    });

    it('command result needs to know whose answer it is, and its hub', async () => {
      const { error, dones } = await rig.input('result', { payload: { id: 'x', result: 1 } });
      assert.match(error!.message, /whose answer/);
      assert.equal(dones, 1);
      assert.equal(rig.status('resultOrphan')?.text, 'no hub is chosen');
      assert.equal((await rig.input('resultOrphan', { payload: 1 })).dones, 1);
    });

    it('a device that is offline is not asked', async () => {
      const hub = await rig.hub();
      const { device_id } = await hub.devices.register(esp32() as never, undefined);
      hub.presence.gone(device_id, 'switched off');
      await until('it is offline', () => hub.devices.get(device_id).status === 'offline');
      const { outputs } = await rig.input('device', {
        payload: { device_id, command: 'turn_on' },
      });
      assert.equal(outputs[1]![0]!.error?.code, -32001);
    });
  });
