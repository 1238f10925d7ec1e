import assert from 'node:assert/strict';
import { connectAsync, type MqttClient } from 'mqtt';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { ask, call, deploy, eventually, getFlow, temperature } from '../support/hub-client.ts';
import { energyMeter, keepWhatComes, roomNode, type Heard } from '../support/house.ts';
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts';

/** A device at Mosquitto: it announces itself there, and knows nothing of the hub's own ways in. */
interface Board {
  mqtt: MqttClient;
  heard: Heard[];
  id: string;
  key: string;
  publish(branch: string, payload: unknown, retain?: boolean): Promise<void>;
}

describe('the shipped flow with Mosquitto as its broker', function () {
  this.timeout(20_000);
  let mosquitto: Mosquitto;
  let hub: RunningHub;
  let boards: Board[] = [];

  before(async function () {
    mosquitto = await startMosquitto(this);
    hub = await startHub();
    const flow = await getFlow(hub);
    const broker = flow.find(({ type }) => type === 'llm-iot-broker');
    Object.assign(broker ?? assert.fail(), { kind: 'external', url: mosquitto.url });
    await deploy(hub, flow);
    await isConnected();
  });
  afterEach(async () => {
    await Promise.all(boards.map(({ mqtt }) => mqtt.endAsync(true)));
    boards = [];
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
    await mosquitto.stop();
  });

  const isConnected = (): Promise<unknown> =>
    eventually('the hub is connected to Mosquitto', async () => {
      const answer = await call(hub, 'hub.info').catch(() => undefined);
      return answer?.result?.mqtt.connected && answer.result.mqtt.url === mosquitto.url;
    });
  const becomes = (id: string, status: string): Promise<unknown> =>
    eventually(`${id} is ${status}`, async () => {
      const device = await ask(hub, 'device.get', { device_id: id });
      return device.status === status;
    });
  const raised = async (id: string): Promise<{ kind: string }[]> =>
    (await ask(hub, 'alert.list', { device_id: id, state: 'raised' })).alerts;

  /** Joins over the discovery topics; the will, if there is one, is of an id that is known already. */
  const join = async (
    registration: object,
    options: { version?: 4 | 5; willOf?: string } = {},
  ): Promise<Board> => {
    const clientId = `board-${boards.length}-${Math.random().toString(36).slice(2)}`;
    const mqtt = await connectAsync(mosquitto.url, {
      clientId,
      protocolVersion: options.version ?? 5,
      reconnectPeriod: 0,
      ...(options.willOf === undefined
        ? {}
        : {
            will: {
              topic: `llm-iot/devices/${options.willOf}/status`,
              payload: Buffer.from('{"status":"offline"}'),
              qos: 1 as const,
              retain: true,
            },
          }),
    });
    const heard: Heard[] = [];
    keepWhatComes(mqtt, heard);
    const isOld = options.version === 4;
    const answerTopic = isOld
      ? `llm-iot/discovery/response/${clientId}`
      : `boards/${clientId}/answers`;
    await mqtt.subscribeAsync(answerTopic, { qos: 1 });
    const announcement = { jsonrpc: '2.0', id: 1, method: 'device.register', params: registration };
    await mqtt.publishAsync(
      'llm-iot/discovery/announce',
      JSON.stringify(isOld ? { ...announcement, client_id: clientId } : announcement),
      {
        qos: 1,
        properties: { responseTopic: answerTopic, correlationData: Buffer.from('join') },
      },
    );
    const { json, correlation } = await eventually('the answer', () =>
      Promise.resolve(heard.find(({ topic }) => topic === answerTopic)),
    );
    assert.equal(json.error, undefined, JSON.stringify(json));
    assert.equal(correlation, isOld ? undefined : 'join');
    const { device_id: id, api_key: key } = json.result;
    const board: Board = {
      mqtt,
      heard,
      id,
      key,
      async publish(branch, payload, retain = false) {
        const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
        await mqtt.publishAsync(`llm-iot/devices/${id}/${branch}`, body, { qos: 1, retain });
      },
    };
    boards.push(board);
    return board;
  };

  it('a device registers by announcing itself, and is answered on its response topic', async () => {
    const board = await join(roomNode('kitchen'));
    assert.equal(typeof board.key, 'string');
    const device = await ask(hub, 'device.get', { device_id: board.id });
    assert.equal(device.name, 'kitchen node');
  });

  it('a device with MQTT 3.1.1 says its client id, and is answered on llm-iot/discovery/response/{client_id}', async () => {
    const board = await join(roomNode('laundry room'), { version: 4 });
    await board.publish('telemetry', temperature(19.79));
    await eventually('its reading', async () => {
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: board.id });
      return readings[0]?.value === 19.79;
    });
  });

  it('telemetry is stored, and the hub acknowledges it to the broker', async () => {
    const board = await join(roomNode('office'));
    await board.publish('telemetry', [
      temperature(18.89, { timestamp: '2016-01-11T17:30:00Z' }),
      temperature(18.93, { timestamp: '2016-01-11T18:00:00Z' }),
    ]);
    const points = await eventually('both readings', async () => {
      const { series } = await ask(hub, 'data.query', {
        device_ids: [board.id],
        time_range: { start: '2016-01-11T00:00:00Z', end: '2016-01-12T00:00:00Z' },
      });
      return series[0]?.points;
    });
    assert.deepEqual(
      points.map(({ value }: { value: number }) => value),
      [18.89, 18.93],
    );
    const { received, stored, in_flight } = (await ask(hub, 'hub.info')).telemetry.readings.mqtt;
    assert.equal(received, stored);
    assert.equal(in_flight, 0);
  });

  it('commands go to the device and its answers come back', async () => {
    const board = await join(energyMeter('mosquitto-meter'));
    board.mqtt.on('message', (topic, payload) => {
      if (!topic.endsWith('/command/request')) return;
      const { id, params } = JSON.parse(payload.toString()) as { id: string; params: object };
      void board.publish('command/response', { jsonrpc: '2.0', id, result: params });
    });
    await board.mqtt.subscribeAsync(`llm-iot/devices/${board.id}/command/request`, { qos: 1 });
    const { status, result } = await ask(hub, 'device.execute', {
      device_id: board.id,
      command: 'switch_load',
      arguments: { state: 'off' },
    });
    assert.equal(status, 'success');
    assert.deepEqual(result, { state: 'off' });
  });

  it('a command that waits goes to the device when it is back; nobody tells that it was delivered', async () => {
    const board = await join(roomNode('loft'));
    await board.publish('status', 'offline');
    await becomes(board.id, 'offline');
    const params = { device_id: board.id, command: 'ring', wait: true };
    const { status, command_id } = await ask(hub, 'device.execute', params);
    assert.equal(status, 'queued');
    board.mqtt.on('message', (_topic, payload) => {
      const { id } = JSON.parse(payload.toString()) as { id: string };
      void board.publish('command/response', { jsonrpc: '2.0', id, result: {} });
    });
    await board.publish('status', 'online');
    await board.mqtt.subscribeAsync(`llm-iot/devices/${board.id}/command/request`, { qos: 1 });
    const record = await eventually('it is done', async () => {
      const found = await ask(hub, 'command.get', { command_id });
      return found.state === 'done' && found;
    });
    assert.ok('sent_at' in record && !('delivered_at' in record));
  });

  it('a last will takes the device offline with an alarm on llm-iot/alerts/error, and a reading brings it back', async () => {
    const made = await ask(hub, 'device.register', roomNode('garage'), hub.registrationKey);
    const listener = await connectAsync(mosquitto.url, { reconnectPeriod: 0 });
    const heard: Heard[] = [];
    keepWhatComes(listener, heard);
    await listener.subscribeAsync('llm-iot/alerts/#', { qos: 1 });
    const board = await join(roomNode('garage', { api_key: made.api_key }), {
      willOf: made.device_id,
    });
    assert.equal(board.id, made.device_id);
    board.mqtt.stream.destroy();
    await becomes(board.id, 'offline');
    const alarm = await eventually('the alarm', () =>
      Promise.resolve(heard.find(({ json }) => json.device_id === board.id)),
    );
    assert.deepEqual(
      [alarm.topic, alarm.json.kind, alarm.json.state],
      ['llm-iot/alerts/error', 'offline', 'raised'],
    );
    await listener.publishAsync(
      `llm-iot/devices/${board.id}/telemetry`,
      JSON.stringify(temperature(12)),
      { qos: 1 },
    );
    await becomes(board.id, 'online');
    await eventually('the alarm is cleared', async () => (await raised(board.id)).length === 0);
    await listener.endAsync(true);
  });

  it('what cannot be parsed raises an alarm with the device id, and the device stays connected', async () => {
    const board = await join(roomNode('cellar'));
    await board.publish('telemetry', '{"value": NaN}');
    const [alarm] = await eventually('the alarm', async () => {
      const alarms = await raised(board.id);
      return alarms.length > 0 && alarms;
    });
    assert.equal(alarm?.kind, 'bad_message');
    assert.equal(board.mqtt.connected, true);
  });

  it('a status that the broker kept from earlier is no sign of life', async () => {
    const board = await join(roomNode('attic'));
    await board.publish('status', { status: 'online' }, true);
    await ask(hub, 'device.heartbeat', { device_id: board.id, status: 'offline' });
    await becomes(board.id, 'offline');
    await hub.stop();
    hub = await startHub({ dataDir: hub.dataDir });
    await isConnected();
    const witness = await join(roomNode('hall'));
    await witness.publish('telemetry', temperature(19));
    await eventually('what came after the kept status is stored', async () => {
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: witness.id });
      return readings.length > 0;
    });
    assert.equal((await ask(hub, 'device.get', { device_id: board.id })).status, 'offline');
  });

  it('a broker that goes away is a problem in hub.info, and what was published meanwhile is not lost', async () => {
    const board = await join(roomNode('porch'));
    await mosquitto.kill();
    await eventually('hub.info says so', async () => {
      const { problems } = await ask(hub, 'hub.info');
      return problems.some(({ problem }: { problem: string }) => problem === 'broker');
    });
    assert.deepEqual(await ask(hub, 'hub.health'), { status: 'down' });
    const { error } = await call(hub, 'device.execute', { device_id: board.id, command: 'ring' });
    assert.ok(error, 'a command cannot be sent');
    await mosquitto.restart();
    const back = await connectAsync(mosquitto.url, { reconnectPeriod: 0 });
    await back.publishAsync(
      `llm-iot/devices/${board.id}/telemetry`,
      JSON.stringify(temperature(5)),
      { qos: 1 },
    );
    await isConnected();
    await eventually('the reading', async () => {
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: board.id });
      return readings[0]?.value === 5;
    });
    assert.deepEqual(await ask(hub, 'hub.health'), { status: 'up' });
    await back.endAsync(true);
  });
});
