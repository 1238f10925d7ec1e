import assert from 'node:assert/strict';
import { connectAsync, type MqttClient } from 'mqtt';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { ask, call, eventually, getFlow, joinDevice, temperature } from '../support/hub-client.ts';
import { energyMeter, keepWhatComes, listen, roomNode, type Heard } from '../support/house.ts';

const announceTopic = 'llm-iot/discovery/announce';
const queryTopic = 'llm-iot/discovery/query';

/** A board that has a key and nothing else: it announces itself and hears what concerns it. */
interface Board {
  mqtt: MqttClient;
  heard: Heard[];
  answerTopic: string;
  announce(method: string, params: object, correlation?: string): Promise<Heard>;
  end(): Promise<void>;
}

async function openBoard(
  hub: RunningHub,
  clientId: string,
  options: { username?: string; password?: string; version?: 4 | 5 } = {},
): Promise<Board> {
  const { username = 'register', password = hub.registrationKey, version = 5 } = options;
  const mqtt = await connectAsync(hub.mqttUrl, {
    clientId,
    username,
    password,
    protocolVersion: version,
    reconnectPeriod: 0,
  });
  const heard: Heard[] = [];
  keepWhatComes(mqtt, heard);
  const answerTopic = `llm-iot/discovery/response/${clientId}`;
  await mqtt.subscribeAsync([answerTopic, queryTopic], { qos: 1 });
  let nextId = 1;
  return {
    mqtt,
    heard,
    answerTopic,
    async announce(method, params, correlation) {
      const id = nextId++;
      await mqtt.publishAsync(
        announceTopic,
        JSON.stringify({ jsonrpc: '2.0', method, params, id }),
        {
          qos: 1,
          ...(correlation === undefined
            ? {}
            : {
                properties: {
                  responseTopic: answerTopic,
                  correlationData: Buffer.from(correlation),
                },
              }),
        },
      );
      return eventually('the answer', () =>
        Promise.resolve(heard.find(({ topic, json }) => topic === answerTopic && json.id === id)),
      );
    },
    end: () => mqtt.endAsync(true),
  };
}

describe('registration with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;

  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  const countOf = async (): Promise<number> => (await ask(hub, 'hub.info')).devices.devices;

  it('over MQTT 5 is answered on the response topic with its correlation data', async () => {
    const board = await openBoard(hub, 'kitchen-board');
    const { json, correlation } = await board.announce(
      'device.register',
      roomNode('kitchen'),
      'first try',
    );
    assert.equal(correlation, 'first try');
    assert.equal(json.jsonrpc, '2.0');
    assert.equal(typeof json.result.api_key, 'string');
    const device = await ask(hub, 'device.get', { device_id: json.result.device_id });
    assert.equal(device.name, 'kitchen node');
    await board.end();
  });

  it('over MQTT 3.1.1 is answered on llm-iot/discovery/response/{client_id}', async () => {
    const board = await openBoard(hub, 'laundry-board', { version: 4 });
    const { json } = await board.announce('device.register', roomNode('laundry room'));
    const { device_id, api_key } = json.result;
    await board.end();

    const own = await connectAsync(hub.mqttUrl, {
      username: device_id,
      password: api_key,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    await own.publishAsync(
      `llm-iot/devices/${device_id}/telemetry`,
      JSON.stringify(temperature(19.79)),
      { qos: 1 },
    );
    const { readings } = await ask(hub, 'telemetry.latest', { device_id });
    assert.equal(readings[0].value, 19.79);
    await own.endAsync(true);
  });

  it('validates the static schema, assigns a UUID, and stores the device with its schema version', async () => {
    const before = await countOf();
    const { error } = await call(
      hub,
      'device.register',
      { device_type: 'mcu', static_schema: { manufacturer: 'Espressif', model: ['ESP32'] } },
      hub.registrationKey,
    );
    assert.equal(error?.code, -32004);
    assert.equal(error.data.problems[0].field, 'model');
    assert.equal(await countOf(), before);

    const made = await ask(hub, 'device.register', roomNode('bathroom'), hub.registrationKey);
    assert.match(made.device_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    const stored = await ask(hub, 'device.get', { device_id: made.device_id });
    assert.match(stored.schema_version, /^\d+\.\d+\.\d+$/);
    assert.equal(stored.static_schema.hardware_id, 'house-bathroom');
  });

  it('again with the same device_id or hardware id and the right key resumes the session, never a second device', async () => {
    const made = await ask(hub, 'device.register', roomNode('office'), hub.registrationKey);
    const before = await countOf();
    const { device_id, api_key } = made;
    const anonymous = {
      device_type: 'mcu',
      static_schema: { manufacturer: 'Espressif', model: 'ESP32-S3' },
    };
    const ways: [object, string][] = [
      [roomNode('office'), api_key], // by hardware id
      [{ ...anonymous, device_id }, api_key],
      [anonymous, api_key], // by the key alone
      [roomNode('office', { api_key }), hub.registrationKey],
      [roomNode('office'), hub.adminKey],
    ];
    for (const [params, key] of ways) {
      const again = await ask(hub, 'device.register', params, key);
      assert.equal(again.device_id, device_id);
      assert.equal(again.resumed, true);
      assert.equal(again.assigned_at, made.assigned_at);
      assert.equal('api_key' in again, false);
    }
    assert.equal(await countOf(), before);
  });

  it('again with a wrong key, or another device’s key, is refused and makes no second device', async () => {
    const made = await ask(hub, 'device.register', roomNode('cellar'), hub.registrationKey);
    const other = await ask(hub, 'device.register', roomNode('attic'), hub.registrationKey);
    const before = await countOf();
    const { device_id } = made;
    const attempts: [object, string][] = [
      [roomNode('cellar'), hub.registrationKey],
      [roomNode('cellar', { device_id }), hub.registrationKey],
      [roomNode('cellar', { api_key: 'guessed-key' }), hub.registrationKey],
      [roomNode('cellar', { api_key: other.api_key }), hub.registrationKey],
      [roomNode('cellar', { device_id }), other.api_key],
      [roomNode('cellar'), other.api_key],
    ];
    for (const [params, key] of attempts) {
      const { error, result } = await call(hub, 'device.register', params, key);
      assert.equal(result, undefined);
      assert.ok(error?.code === -32005 || error?.code === -32602, JSON.stringify(error));
      assert.equal(typeof error.data.reason, 'string');
    }
    assert.equal(await countOf(), before);
    assert.equal((await ask(hub, 'device.get', { device_id })).name, 'cellar node');
  });

  it('a device that resumes over MQTT gets its last applied configuration again as a configure command', async () => {
    const meter = await joinDevice(hub, energyMeter('resuming-meter'));
    const commands: { method: string; params: object }[] = [];
    await meter.onCommand((command) => {
      commands.push(command);
      return { result: { applied_config: command.params } };
    });
    const config = { report_every: 30, phase: 'L1' };
    await ask(hub, 'device.execute', {
      device_id: meter.id,
      command: 'configure',
      arguments: config,
    });
    const board = await openBoard(hub, 'meter-board', { username: meter.id, password: meter.key });
    const { json } = await board.announce('device.register', energyMeter('resuming-meter'));
    assert.equal(json.result.resumed, true);
    assert.deepEqual(json.result.applied_config, config);
    await eventually('the configuration comes again', () => Promise.resolve(commands.length === 2));
    assert.deepEqual(
      commands.map(({ method, params }) => [method, params]),
      [
        ['configure', config],
        ['configure', config],
      ],
    );
    await board.end();
    await meter.end();
  });

  it('llm-iot/discovery/query asks devices to announce themselves again', async () => {
    const made = await ask(hub, 'device.register', roomNode('hall'), hub.registrationKey);
    const board = await openBoard(hub, 'hall-board', {
      username: made.device_id,
      password: made.api_key,
      version: 4,
    });
    const inject = (await getFlow(hub)).find(({ name }) => name === 'ask now');
    const pressed = await fetch(`${hub.url}/inject/${inject?.id}`, { method: 'POST' });
    assert.equal(pressed.status, 200);
    await eventually('the question', () =>
      Promise.resolve(board.heard.some(({ topic }) => topic === queryTopic)),
    );
    const { json } = await board.announce('device.register', roomNode('hall'));
    assert.equal(json.result.device_id, made.device_id);
    assert.equal(json.result.resumed, true);
    await board.end();
  });

  it('a device announces its sensors, methods and heartbeats on the same topic, and nothing else', async () => {
    const made = await ask(hub, 'device.register', roomNode('study'), hub.registrationKey);
    const board = await openBoard(hub, 'study-board', {
      username: made.device_id,
      password: made.api_key,
    });
    const sensor = await board.announce('sensor.discover', {
      mcu_id: made.device_id,
      static_schema: { manufacturer: 'Bosch', model: 'BME280' },
    });
    assert.equal(sensor.json.result.mcu_id, made.device_id);
    const method = await board.announce('device.register_method', {
      device_id: made.device_id,
      method_name: 'study.dim',
      schema: { arguments: { level: 'number' } },
    });
    assert.equal(method.json.result.method_name, 'study.dim');
    const beat = await board.announce('device.heartbeat', { device_id: made.device_id });
    assert.equal(beat.json.result.status, 'online');
    const refused = await board.announce('device.get', { device_id: made.device_id });
    assert.equal(refused.json.error.code, -32601);
    assert.match(refused.json.error.data.reason, /announce topic takes device\.register/);
    await board.end();
  });

  it('over MQTT user name and key must belong together, in MQTT 3.1.1 and 5', async () => {
    const made = await ask(hub, 'device.register', roomNode('porch'), hub.registrationKey);
    const wrong: [string, string][] = [
      ['register', 'wrong-key'],
      ['register', made.api_key],
      [made.device_id, hub.registrationKey],
      ['somebody', made.api_key],
      ['admin', hub.registrationKey],
    ];
    for (const [username, password] of wrong)
      for (const version of [4, 5] as const)
        await assert.rejects(
          openBoard(hub, 'porch-board', { username, password, version }),
          /[Nn]ot authorized|Bad User Name|refused/,
          `${username} ${version}`,
        );
  });

  it('user name register may use nothing but discovery', async () => {
    const made = await ask(hub, 'device.register', roomNode('shed'), hub.registrationKey);
    const board = await openBoard(hub, 'shed-board');
    const telemetry = `llm-iot/devices/${made.device_id}/telemetry`;
    await assert.rejects(board.mqtt.publishAsync(telemetry, '{}', { qos: 1 }), /Not authorized/);
    for (const topic of [
      telemetry,
      'llm-iot/#',
      'llm-iot/alerts/error',
      'llm-iot/discovery/response/kitchen-board',
    ])
      await assert.rejects(board.mqtt.subscribeAsync(topic), topic);
    assert.equal(board.mqtt.connected, true);
    await board.end();
  });

  it('user name {device_id} may use its own subtree and that of its sensors, nothing else', async () => {
    const node = await joinDevice(hub, roomNode('parents room'));
    const other = await joinDevice(hub, roomNode('teenager room'));
    const { sensor_id } = await ask(
      hub,
      'sensor.discover',
      { mcu_id: node.id, static_schema: { manufacturer: 'Sensirion', model: 'SHT31' } },
      node.key,
    );
    const reading = JSON.stringify({ measurement_type: 'temperature', value: 17, unit: 'celsius' });
    await node.mqtt.publishAsync(`llm-iot/devices/${sensor_id}/telemetry`, reading, { qos: 1 });
    const { readings } = await ask(hub, 'telemetry.latest', { device_id: sensor_id });
    assert.equal(readings[0].value, 17);
    await node.mqtt.subscribeAsync(`llm-iot/devices/${sensor_id}/command/request`);
    for (const branch of ['telemetry', 'status', 'command/response'])
      await assert.rejects(
        node.mqtt.publishAsync(`llm-iot/devices/${other.id}/${branch}`, '{}', { qos: 1 }),
        /Not authorized/,
      );
    await assert.rejects(
      node.mqtt.publishAsync(`llm-iot/devices/${node.id}/command/request`, '{}', { qos: 1 }),
      /Not authorized/,
    );
    for (const topic of [
      `llm-iot/devices/${other.id}/command/request`,
      'llm-iot/devices/+/telemetry',
      '#',
    ])
      await assert.rejects(node.mqtt.subscribeAsync(topic), topic);
    assert.equal(node.mqtt.connected, true);
    assert.equal((await ask(hub, 'device.get', { device_id: other.id })).status, 'online');
    await node.end();
    await other.end();
  });

  it('a status published with retain is there for whoever listens later', async () => {
    const node = await joinDevice(hub, roomNode('garden'));
    const topic = `llm-iot/devices/${node.id}/status`;
    await node.mqtt.publishAsync(topic, '{"status":"online"}', { qos: 1, retain: true });
    const listener = await listen(hub, topic);
    const kept = await eventually('the status', () => Promise.resolve(listener.heard[0]));
    assert.equal(kept.retain, true);
    assert.deepEqual(kept.json, { status: 'online' });
    await listener.end();
    await node.end();
  });

  it('100 devices that register at once are 100 devices with ids and keys of their own', async () => {
    const before = await countOf();
    const results = await Promise.all(
      Array.from({ length: 100 }, (_unused, index) =>
        ask(hub, 'device.register', roomNode(`room ${index}`), hub.registrationKey),
      ),
    );
    assert.equal(new Set(results.map(({ device_id }) => device_id)).size, 100);
    assert.equal(new Set(results.map(({ api_key }) => api_key)).size, 100);
    assert.equal(await countOf(), before + 100);
  });

  it('100 calls at once of one board are one device', async () => {
    const before = await countOf();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        call(hub, 'device.register', roomNode('eager'), hub.registrationKey),
      ),
    );
    assert.equal(answers.filter(({ result }) => result).length, 1);
    assert.ok(answers.every(({ result, error }) => result ?? error?.code === -32005));
    assert.equal(await countOf(), before + 1);
  });
});
