import assert from 'node:assert/strict';
import { connectAsync, type MqttClient } from 'mqtt';
import { createKey } from '../support/create-key.ts';
import {
  ask,
  call,
  esp32,
  eventually,
  openSocket,
  type RpcResponse,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

interface Command {
  id: string;
  method: string;
  params: { level?: number };
}

/** A valve that does what it is told, remembers it, and says how far it is open when it has moved. */
interface Valve {
  id: string;
  key: string;
  got: Command[];
  /** The next commands are done, but nothing moves. */
  stuck: boolean;
  mqtt?: MqttClient;
}

const declared = {
  measurements: [{ measurement_type: 'opening', unit: 'percent' }],
  commands: {
    open: { inverse: { command: 'close' } },
    close: {},
    set: {
      arguments: { type: 'object', properties: { level: { type: 'number' } } },
      inverse: { command: 'set', arguments: { level: { $before: 'level' } } },
    },
  },
};

describe('commands that wait, are given once, are confirmed and undone, with the running hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let valve: Valve;

  const connect = async (): Promise<void> => {
    const topic = (branch: string): string => `llm-iot/devices/${valve.id}/${branch}`;
    const mqtt = await connectAsync(hub.mqttUrl, {
      ...{ username: valve.id, password: valve.key, clientId: valve.id },
      ...{ protocolVersion: 5, reconnectPeriod: 0 },
    });
    valve.mqtt = mqtt;
    mqtt.on('message', (_topic, payload) => {
      const command = JSON.parse(payload.toString()) as Command;
      valve.got.push(command);
      const { id, params } = command;
      // It answers when it has acknowledged.
      mqtt.on('packetsend', function answer({ cmd }) {
        if (cmd !== 'puback') return;
        mqtt.off('packetsend', answer);
        const done = { jsonrpc: '2.0', id, result: { applied_config: params } };
        mqtt.publish(topic('command/response'), JSON.stringify(done), { qos: 1 });
        const opening = { measurement_type: 'opening', value: params.level ?? 0 };
        if (!valve.stuck) mqtt.publish(topic('telemetry'), JSON.stringify(opening), { qos: 1 });
      });
    });
    // Online is what it says first; only then it listens.
    await mqtt.publishAsync(topic('status'), 'online', { qos: 1 });
    await mqtt.subscribeAsync(topic('command/request'), { qos: 1 });
  };
  const leave = async (): Promise<void> => {
    await valve.mqtt?.publishAsync(`llm-iot/devices/${valve.id}/status`, 'offline', { qos: 1 });
    await valve.mqtt?.endAsync();
    await eventually('it is offline', async () => {
      const { status } = await ask(hub, 'device.get', { device_id: valve.id });
      return status === 'offline';
    });
  };
  const execute = (command: string, more: object = {}, key?: string): Promise<RpcResponse> =>
    call(hub, 'device.execute', { device_id: valve.id, command, ...more }, key);
  const stateOf = async (command_id: string): Promise<string> =>
    (await ask(hub, 'command.get', { command_id })).state;

  before(async () => {
    hub = await startHub();
    const { device_id: id, api_key: key } = await ask(
      hub,
      'device.register',
      esp32('valve', declared),
      hub.registrationKey,
    );
    valve = { id, key, got: [], stuck: false };
    await connect();
  });
  after(async () => {
    await valve.mqtt?.endAsync(true);
    await hub.stop();
    await hub.cleanUp();
  });

  it('tell each change of their state on device.{id}.commands, delivered when the device acknowledged', async () => {
    const socket = await openSocket(hub);
    await socket.call('subscribe', { channels: [`device.${valve.id}.commands`] });
    const { result } = await execute('open');
    const updates = await eventually('it is done', () => {
      const told = socket.updates();
      return told.at(-1)?.data.state === 'done' && told;
    });
    assert.deepEqual(
      updates.map(({ channel, data }) => [channel, data.command_id, data.command, data.state]),
      ['queued', 'sent', 'delivered', 'done'].map((state) => [
        ...[`device.${valve.id}.commands`, result.command_id, 'open'],
        state,
      ]),
    );
    const record = await ask(hub, 'command.get', { command_id: result.command_id });
    const times = ['created_at', 'sent_at', 'delivered_at', 'ended_at'].map((at) =>
      Date.parse(record[at] as string),
    );
    assert.deepEqual(times.toSorted(), times);
    await socket.close();
  });

  it('are confirmed by a reading that came after them, or not', async () => {
    const confirm = { measurement_type: 'opening', equals: 40, within_ms: 10_000 };
    const { result } = await execute('set', { arguments: { level: 40 }, confirm });
    assert.equal(result.confirmed, true);
    assert.deepEqual([result.reading.value, result.reading.unit], [40, 'percent']);
    assert.match(result.reading.timestamp as string, /Z$/);
    valve.stuck = true;
    const params = {
      arguments: { level: 60 },
      confirm: { ...confirm, equals: 60, within_ms: 200 },
    };
    const stuck = (await execute('set', params)).result;
    valve.stuck = false;
    assert.deepEqual([stuck.status, stuck.confirmed, stuck.reading], ['success', false, undefined]);
  });

  it('are undone by the inverse that the device names, once', async () => {
    const { command_id } = (await execute('set', { arguments: { level: 70 } })).result;
    const undone = await ask(hub, 'command.revert', { command_id, reason: 'too far' });
    assert.deepEqual(
      [undone.reverts, undone.applied_config, valve.got.at(-1)?.params],
      [command_id, { level: 60 }, { level: 60 }],
    );
    const again = await call(hub, 'command.revert', { command_id });
    assert.equal(again.error?.code, -32602);
    assert.equal(again.error.data.reverted_by, undone.command_id);
    const closed = (await execute('close')).result;
    const { error } = await call(hub, 'command.revert', { command_id: closed.command_id });
    assert.match(error?.data.reason as string, /names no inverse/);
  });

  it('wait over a restart and are delivered once; a key holds over it; cancelled and expired ones never arrive', async () => {
    const keyed = { arguments: { level: 10 }, request_key: 'ten percent' };
    const first = (await execute('set', keyed)).result;
    const gone = await createKey(hub, 'llm_write');
    await leave();
    const before = valve.got.length;
    const wait = async (level: number, more: object = {}, key?: string): Promise<string> => {
      const { result } = await execute('set', { arguments: { level }, wait: true, ...more }, key);
      assert.equal(result.status, 'queued', JSON.stringify(result));
      return result.command_id;
    };
    const waiting = await wait(20, { request_key: 'twenty', reason: 'when it wakes' });
    const cancelled = await wait(30);
    const expiring = await wait(40, { ttl_s: 1 });
    const revoked = await wait(50, {}, gone.key);
    assert.equal((await ask(hub, 'command.cancel', { command_id: cancelled })).state, 'cancelled');
    await ask(hub, 'key.revoke', { key_id: gone.id });
    assert.equal(await stateOf(revoked), 'queued');
    await eventually('it expires', async () => (await stateOf(expiring)) === 'expired');

    const { dataDir } = hub;
    await hub.stop();
    hub = await startHub({ dataDir });
    assert.equal(await stateOf(waiting), 'queued');
    assert.equal((await ask(hub, 'hub.info')).commands.waiting, 2);
    await connect();
    await eventually('it is done', async () => (await stateOf(waiting)) === 'done');
    await eventually('the other is not', async () => (await stateOf(revoked)) === 'cancelled');
    const direct = (await execute('set', { arguments: { level: 60 }, wait: true })).result;
    assert.equal(direct.status, 'success', 'it is there');
    await leave();
    await connect();
    assert.deepEqual(
      valve.got.slice(before).map(({ id, params }) => [id, params.level]),
      [
        [waiting, 20],
        [direct.command_id, 60],
      ],
    );

    assert.deepEqual((await execute('set', keyed)).result, first);
    const other = await execute('set', { ...keyed, arguments: { level: 11 } });
    assert.equal(other.error?.code, -32602);
    assert.equal(other.error.data.field, 'request_key');
    assert.equal(valve.got.length, before + 2, 'nothing was sent again');
    const { commands } = await ask(hub, 'command.list', { device_id: valve.id, limit: 5 });
    assert.deepEqual(
      commands.map(({ state }: { state: string }) => state),
      ['done', 'cancelled', 'expired', 'cancelled', 'done'],
    );
    assert.equal(commands[4].reason, 'when it wakes');
  });

  it('that were refused are on record once, as a command with its way', async () => {
    const { key, id } = await createKey(hub, 'llm_write', { commands: ['close'] });
    assert.equal((await execute('open', { reason: 'let me in' }, key)).error?.code, -32005);
    const { events } = await ask(hub, 'audit.query', { principal_id: id });
    const refused = events.filter(({ outcome }: { outcome: string }) => outcome === 'refused');
    assert.deepEqual(
      refused.map(({ action, subject, transport, details }: Record<string, unknown>) => [
        ...[action, subject, transport],
        (details as { reason: string }).reason,
      ]),
      [['command', 'open', 'http', 'let me in']],
    );
  });
});
