import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connectAsync, type MqttClient } from 'mqtt';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { ask, call, eventually, joinDevice, type TestDevice } from '../support/hub-client.ts';
import { energyMeter, listen, roomNode } from '../support/house.ts';

interface Command {
  id: string;
  method: string;
  params: object;
}

/** A device that keeps its commands and leaves the answering to the test. */
async function joinSilent(
  hub: RunningHub,
  registration: object,
): Promise<TestDevice & { commands: Command[] }> {
  const device = await joinDevice(hub, registration);
  const commands: Command[] = [];
  await device.onCommand((command) => {
    commands.push(command);
    return undefined;
  });
  return { ...device, commands };
}

describe('commands with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  let meter: TestDevice;
  /** What the meter answers next; a relay that does its work unless a test says otherwise. */
  let answer: (command: Command) => object | undefined;
  const works = ({ method, params }: Command): object => ({
    result:
      method === 'configure'
        ? { status: 'success', execution_time_ms: 245, applied_config: params }
        : { state: (params as { state?: string }).state ?? 'on' },
  });

  before(async () => {
    hub = await startHub();
    meter = await joinDevice(hub, energyMeter('meter-1'));
    answer = works;
    await meter.onCommand((command) => answer(command));
  });
  afterEach(() => {
    answer = works;
  });
  after(async () => {
    await meter.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const execute = (params: object): ReturnType<typeof call> =>
    call(hub, 'device.execute', { device_id: meter.id, ...params });
  const switchLoad = (state: string): ReturnType<typeof call> =>
    execute({ command: 'switch_load', arguments: { state } });

  it('arrive at the device as { jsonrpc, id, method: <command>, params: <arguments> }, nothing else', async () => {
    const listener = await listen(hub, `llm-iot/devices/${meter.id}/command/request`);
    const { result } = await switchLoad('off');
    const heard = await eventually('the command', () => Promise.resolve(listener.heard[0]));
    assert.deepEqual(heard.json, {
      jsonrpc: '2.0',
      id: result.command_id,
      method: 'switch_load',
      params: { state: 'off' },
    });
    await listener.end();
  });

  it('end with what the device says: status, execution_time_ms, applied_config, result', async () => {
    const configured = await execute({
      command: 'configure',
      arguments: { oversampling: '16X', output_data_rate: 10 },
    });
    const { command_id, ...rest } = configured.result;
    assert.equal(typeof command_id, 'string');
    assert.deepEqual(rest, {
      status: 'success',
      execution_time_ms: 245,
      applied_config: { oversampling: '16X', output_data_rate: 10 },
      untrusted: ['applied_config'],
    });
    const switched = await switchLoad('off');
    assert.equal(switched.result.status, 'success');
    assert.deepEqual(switched.result.result, { state: 'off' });
    assert.equal(typeof switched.result.execution_time_ms, 'number', 'measured by the hub');
  });

  it('applied_config is kept as the device’s last configuration', async () => {
    await execute({ command: 'configure', arguments: { report_every: 60 } });
    const device = await ask(hub, 'device.get', { device_id: meter.id });
    assert.deepEqual(device.applied_config, { report_every: 60 });
  });

  it('one at a time per device: -32002 while it is busy, and free again afterwards', async () => {
    const device = await joinSilent(hub, roomNode('office'));
    const first = call(hub, 'device.execute', { device_id: device.id, command: 'dim' });
    await eventually('the first one is there', () => Promise.resolve(device.commands[0]));
    const { error } = await call(hub, 'device.execute', {
      device_id: device.id,
      command: 'brighten',
    });
    assert.equal(error?.code, -32002);
    assert.equal(error.data.command, 'dim');
    assert.equal(error.data.command_id, device.commands[0]?.id);
    const other = await switchLoad('on');
    assert.equal(other.error, undefined, 'another device is not busy');
    await device.publish('command/response', {
      jsonrpc: '2.0',
      id: device.commands[0]?.id,
      result: {},
    });
    assert.equal((await first).result.status, 'success');
    assert.equal(device.commands.length, 1, 'the refused one was never sent');
    await device.end();
  });

  it('are refused with -32001 while the device is offline', async () => {
    const device = await joinSilent(hub, roomNode('garage'));
    await device.publish('status', 'offline');
    const { error } = await eventually('it is offline', async () => {
      const reply = await call(hub, 'device.execute', {
        device_id: device.id,
        command: 'open_door',
        timeout_ms: 100,
      });
      return reply.error?.code === -32001 && reply;
    });
    assert.equal(error?.data.device_id, device.id);
    assert.match(error.data.reason, /offline, last seen/);
    await device.end();
  });

  it('time out with -32003 when the device does not answer', async () => {
    answer = () => undefined;
    const { error } = await execute({ command: 'read_meter', timeout_ms: 200 });
    assert.equal(error?.code, -32003);
    assert.equal(error.data.timeout_ms, 200);
  });

  it('that timed out while the device was away are not delivered when it comes back', async () => {
    const { device_id: id, api_key: key } = await ask(
      hub,
      'device.register',
      roomNode('away'),
      hub.registrationKey,
    );
    const connect = (): Promise<MqttClient> =>
      connectAsync(hub.mqttUrl, {
        username: id,
        password: key,
        clientId: id,
        protocolVersion: 5,
        clean: false,
        properties: { sessionExpiryInterval: 600 },
        reconnectPeriod: 0,
      });
    const topic = `llm-iot/devices/${id}/command/request`;
    const first = await connect();
    await first.subscribeAsync(topic, { qos: 1 });
    await first.endAsync();
    const run = (method: string): ReturnType<typeof call> =>
      call(hub, 'device.execute', { device_id: id, command: method, timeout_ms: 1000 });
    assert.equal((await run('too_late')).error?.code, -32003);
    await new Promise((resolve) => setTimeout(resolve, 1100)); // the expiry counts whole seconds

    const second = await connect();
    const heard: string[] = [];
    second.on('message', (_topic, payload) => {
      heard.push((JSON.parse(payload.toString()) as { method: string }).method);
    });
    await run('in_time');
    assert.deepEqual(heard, ['in_time']);
    await second.endAsync(true);
  });

  it('fail with -32007 and the device’s own words when its hardware does', async () => {
    answer = () => ({
      error: { code: -32007, message: 'Hardware error', data: { reason: 'relay stuck' } },
    });
    const stuck = await switchLoad('on');
    assert.equal(stuck.error?.code, -32007);
    assert.match(stuck.error.data.reason, /relay stuck/);
    answer = () => ({ error: { code: 17, message: 'E17' } });
    const unknown = await switchLoad('on');
    assert.equal(unknown.error?.code, -32007, 'a code of its own is its hardware’s');
    assert.deepEqual(unknown.error.data.device_error, { code: 17, message: 'E17' });
  });

  it('and their arguments are checked against what the device declared, before anything is sent', async () => {
    const listener = await listen(hub, `llm-iot/devices/${meter.id}/command/request`);
    const wrong = await switchLoad('of');
    assert.equal(wrong.error?.code, -32602);
    assert.equal(wrong.error.data.field, 'arguments.state');
    assert.deepEqual(wrong.error.data.allowed, ['on', 'off']);
    const missing = await execute({ command: 'switch_load' });
    assert.equal(missing.error?.code, -32602);
    assert.equal(missing.error.data.field, 'arguments.state');
    const more = await execute({
      command: 'switch_load',
      arguments: { state: 'on', forever: true },
    });
    assert.equal(more.error?.code, -32602);
    const undeclared = await execute({ command: 'switch_lod' });
    assert.equal(undeclared.error?.code, -32602);
    assert.equal(undeclared.error.data.nearest, 'switch_load');
    assert.deepEqual(undeclared.error.data.allowed, ['switch_load', 'configure', 'read_meter']);
    await execute({ command: 'read_meter' });
    await eventually('the good one', () => Promise.resolve(listener.heard[0]));
    assert.deepEqual(
      listener.heard.map(({ json }) => json.method),
      ['read_meter'],
    );
    await listener.end();
  });

  it('for a sensor go to its own topic', async () => {
    const device = await joinDevice(hub, roomNode('bathroom'));
    const { sensor_id } = await ask(
      hub,
      'sensor.discover',
      { mcu_id: device.id, static_schema: { manufacturer: 'Bosch', model: 'BMP580' } },
      device.key,
    );
    const topic = `llm-iot/devices/${sensor_id}/command`;
    await device.mqtt.subscribeAsync(`${topic}/request`, { qos: 1 });
    device.mqtt.on('message', (_topic, payload) => {
      const { id, params } = JSON.parse(payload.toString()) as Command;
      device.mqtt.publish(
        `${topic}/response`,
        JSON.stringify({ jsonrpc: '2.0', id, result: { applied_config: params } }),
        { qos: 1 },
      );
    });
    const { applied_config } = await ask(hub, 'device.execute', {
      device_id: sensor_id,
      command: 'configure',
      arguments: { oversampling: '16X', output_data_rate: 10 },
    });
    assert.deepEqual(applied_config, { oversampling: '16X', output_data_rate: 10 });
    const { sensors } = await ask(hub, 'sensor.list', { mcu_id: device.id });
    assert.deepEqual(sensors[0].applied_config, applied_config);
    await device.end();
  });

  it('to several devices run at the same time, with a result for each', async () => {
    const rooms = await Promise.all(
      ['kitchen', 'hall', 'cellar'].map((room) => joinSilent(hub, roomNode(room))),
    );
    const [kitchen, hall, cellar] = rooms;
    const batch = ask(hub, 'device.batch_execute', {
      device_ids: [...rooms.map(({ id }) => id), 'nobody'],
      command: 'read_sensor',
      arguments: { sensor_type: 'temperature' },
      timeout_ms: 1_500,
    });
    await eventually('all have theirs before one has answered', () =>
      Promise.resolve(rooms.every(({ commands }) => commands.length === 1)),
    );
    const reply = (device: typeof kitchen, outcome: object): Promise<void> | undefined =>
      device?.publish('command/response', {
        jsonrpc: '2.0',
        id: device.commands[0]?.id,
        ...outcome,
      });
    await reply(hall, { error: { code: -32007, message: 'no sensor' } });
    await reply(kitchen, { result: { value: 19.9 } });
    const { results, summary } = await batch;
    assert.deepEqual(summary, { success: 1, failed: 3 });
    assert.deepEqual(
      results.map((one: { device_id: string; status: string; error?: { code: number } }) => [
        one.device_id,
        one.status,
        one.error?.code,
      ]),
      [
        [kitchen?.id, 'success', undefined],
        [hall?.id, 'failed', -32007],
        [cellar?.id, 'failed', -32003],
        ['nobody', 'failed', -32000],
      ],
    );
    assert.deepEqual(results[0].result.result, { value: 19.9 });
    await Promise.all(rooms.map((room) => room.end()));
  });

  it('answered late are recorded as late, and never matched to another command', async () => {
    const device = await joinSilent(hub, roomNode('attic'));
    const countLate = async (): Promise<number> => (await ask(hub, 'hub.info')).commands.late;
    const before = await countLate();
    const params = { device_id: device.id, command: 'read_sensor', timeout_ms: 200 };
    assert.equal((await call(hub, 'device.execute', params)).error?.code, -32003);
    const second = call(hub, 'device.execute', { ...params, timeout_ms: 10_000 });
    await eventually('the second one is there', () => Promise.resolve(device.commands[1]));
    const [late, current] = device.commands;
    const reply = (id: string | undefined, value: number): Promise<void> =>
      device.publish('command/response', { jsonrpc: '2.0', id, result: { value } });
    await reply(late?.id, 1);
    await reply('of-nobody', 2);
    await eventually('it is counted', async () => (await countLate()) === before + 1);
    await reply(current?.id, 3);
    assert.deepEqual((await second).result.result, { value: 3 });
    await device.end();
  });

  it('are never answered by another device', async () => {
    const device = await joinSilent(hub, roomNode('porch'));
    const stranger = await joinDevice(hub, roomNode('shed'));
    const first = call(hub, 'device.execute', { device_id: device.id, command: 'ring' });
    const command = await eventually('the command', () => Promise.resolve(device.commands[0]));
    await stranger.publish('command/response', {
      jsonrpc: '2.0',
      id: command.id,
      result: { by: 'stranger' },
    });
    await device.publish('command/response', {
      jsonrpc: '2.0',
      id: command.id,
      result: { by: 'device' },
    });
    assert.deepEqual((await first).result.result, { by: 'device' });
    await device.end();
    await stranger.end();
  });

  describe('methods that a device registers', () => {
    const irrigation = {
      method_name: 'greenhouse.adjust_irrigation',
      description: 'Waters a zone.',
      schema: { arguments: { zone: 'string', duration_seconds: 'number' } },
    };
    const water = (params: object, key?: string): ReturnType<typeof call> =>
      call(hub, 'greenhouse.adjust_irrigation', params, key);

    it('become callable under their name, listed and validated', async () => {
      assert.equal((await water({})).error?.code, -32601);
      const device = await joinSilent(hub, roomNode('greenhouse'));
      await ask(hub, 'device.register_method', { device_id: device.id, ...irrigation }, device.key);
      const { methods } = await ask(hub, 'rpc.methods');
      const listed = methods.find(({ name }: { name: string }) => name === irrigation.method_name);
      assert.equal(
        listed.description,
        'A method that devices registered; the device carries it out.',
      );
      assert.equal(listed.device_description, 'Waters a zone.');
      assert.deepEqual(listed.device_ids, [device.id]);
      assert.deepEqual(listed.untrusted, ['name', 'params', 'device_description']);
      assert.deepEqual(Object.keys(listed.params.properties), [
        'device_id',
        'signature',
        'request_key',
        'zone',
        'duration_seconds',
      ]);
      const wrong = await water({ zone: 'north', duration_seconds: 'long' });
      assert.equal(wrong.error?.code, -32602);
      assert.equal(wrong.error.data.field, 'duration_seconds');
      assert.equal((await water({ zone: 'north' })).error?.code, -32602);
      assert.equal((await water({}, device.key)).error?.code, -32005, 'not for devices to call');

      const params = { zone: 'north', duration_seconds: 30 };
      const called = water(params);
      const command = await eventually('the call', () => Promise.resolve(device.commands[0]));
      assert.deepEqual(command, {
        jsonrpc: '2.0',
        id: command.id,
        method: irrigation.method_name,
        params,
      });
      await device.publish('command/response', {
        jsonrpc: '2.0',
        id: command.id,
        result: { litres: 12 },
      });
      const { result } = await called;
      assert.equal(result.status, 'success');
      assert.deepEqual(result.result, { litres: 12 });

      await ask(hub, 'device.remove', { device_id: device.id });
      assert.equal((await water(params)).error?.code, -32601, 'gone with the device');
      await device.end();
    });

    it('ask which device is meant when several offer the same one', async () => {
      const devices = await Promise.all(
        ['east', 'west'].map((side) => joinSilent(hub, roomNode(`greenhouse ${side}`))),
      );
      for (const device of devices)
        await ask(hub, 'device.register_method', { device_id: device.id, ...irrigation });
      const { error } = await water({ zone: 'a', duration_seconds: 1 });
      assert.equal(error?.code, -32602);
      assert.equal(error.data.field, 'device_id');
      await Promise.all(devices.map((device) => device.end()));
    });

    it('may not take a name of the hub', async () => {
      for (const name of ['device.list', 'hub.shutdown', 'greet', 'House.Dim', 'rpc.x']) {
        const { error } = await call(hub, 'device.register_method', {
          device_id: meter.id,
          method_name: name,
        });
        assert.equal(error?.code, -32602, name);
        assert.equal(error.data.field, 'method_name', name);
      }
    });
  });

  describe('in the end', () => {
    it('go through queued → sent → done, failed or timed out, and are stored as they ended', async () => {
      const cases: [(command: Command) => object | undefined, string][] = [
        [works, 'done'],
        [() => ({ error: { code: -32007, message: 'broken' } }), 'failed'],
        [() => undefined, 'timed_out'],
      ];
      const states = new Map<string, string>();
      for (const [how, state] of cases) {
        answer = (command) => {
          states.set(command.id, state);
          return how(command);
        };
        await execute({ command: 'read_meter', timeout_ms: 300 });
      }
      const { commands } = await ask(hub, 'hub.info');
      assert.ok(commands.done > 0 && commands.failed > 0 && commands.timed_out > 0);
      assert.equal(commands.pending, 0);
      await hub.stop();
      const db = new DatabaseSync(join(hub.dataDir, 'hub.db'), { readOnly: true });
      const rows = db.prepare("SELECT document FROM records WHERE kind = 'command'").all();
      db.close();
      const records = rows.map(({ document }) => JSON.parse(String(document)));
      for (const [id, state] of states) {
        const record = records.find(({ command_id }) => command_id === id);
        assert.equal(record.state, state);
        assert.equal(record.issued_by, 'admin');
        for (const time of ['created_at', 'sent_at', 'ended_at'])
          assert.match(record[time] as string, /Z$/, `${state} ${time}`);
      }
      assert.ok(
        records.some(({ late_answer }) => late_answer?.value === 1),
        'the late answer is kept with its own command',
      );
    });
  });
});
