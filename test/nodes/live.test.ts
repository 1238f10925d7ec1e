import assert from 'node:assert/strict';
import { call, esp32, openSocket, temperature } from '../support/hub-client.ts';
import {
  joinAsAdmin,
  nodeReds,
  startRig,
  type NodeRig,
  type TestNode,
} from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const rpcIn = (method: string, to: string): TestNode => ({
  id: `${method}In`,
  type: 'llm-iot-rpc-in',
  method,
  description: method,
  params: '{"type":"object"}',
  result: '{}',
  roles: ['llm_read'],
  readOnly: true,
  destructive: false,
  timeout: '5',
  deviceMethods: false,
  open: false,
  to: [[to]],
});
const alert = (id: string, more: object): TestNode => ({
  id,
  type: 'llm-iot-alert',
  action: 'raise',
  kind: 'overheated',
  severity: 'error',
  message: 'too hot',
  lasting: true,
  outputs: 2,
  ...more,
});
const allEvents = [
  'registered',
  'resumed',
  'online',
  'offline',
  'updated',
  'removed',
  'sensor_discovered',
];
const nodes: TestNode[] = [
  rpcIn('subscribe', 'subscribe'),
  rpcIn('unsubscribe', 'unsubscribe'),
  { id: 'subscribe', type: 'llm-iot-subscribe', operation: 'subscribe', to: [['out'], ['out']] },
  {
    id: 'unsubscribe',
    type: 'llm-iot-subscribe',
    operation: 'unsubscribe',
    to: [['out'], ['out']],
  },
  { id: 'subscribeAlone', type: 'llm-iot-subscribe', operation: 'subscribe', outputs: 2 },
  { id: 'out', type: 'llm-iot-rpc-out' },
  { id: 'telemetry', type: 'llm-iot-stream-out', channel: 'telemetry' },
  { id: 'events', type: 'llm-iot-stream-out', channel: 'events' },
  { id: 'streamOrphan', type: 'llm-iot-stream-out', channel: 'events', hub: '' },
  alert('raise', {}),
  alert('warn', { kind: 'low', severity: 'warning', lasting: false }),
  alert('clear', { action: 'clear' }),
  { id: 'all', type: 'llm-iot-device-event', events: allEvents, outputs: 1 },
  { id: 'some', type: 'llm-iot-device-event', events: ['updated'], outputs: 1 },
  { id: 'eventOrphan', type: 'llm-iot-device-event', events: ['updated'], outputs: 1, hub: '' },
];

for (const nodeRed of nodeReds)
  describe(`live updates, alarms and events, in ${nodeRed}`, () => {
    let rig: NodeRig;
    let deviceId: string;

    before(async () => {
      rig = await startRig({ nodeRed, nodes });
      const hub = await rig.hub();
      ({ device_id: deviceId } = await hub.devices.register(esp32() as never, undefined));
    });
    after(() => rig.stop());

    it('subscribe over a WebSocket, and stream out reaches it until unsubscribe', async () => {
      const socket = await openSocket(rig);
      const channels = [`device.${deviceId}.telemetry`, 'device.*.events'];
      const { result } = await socket.call('subscribe', { channels });
      assert.deepEqual(result.channels, channels);

      const reading = { device_id: deviceId, ...temperature(21), timestamp: 1_767_225_600_000 };
      const sent = await rig.input('telemetry', {
        payload: [reading, { ...reading, device_id: 'another' }],
      });
      assert.equal(sent.error, undefined);
      assert.equal(sent.dones, 1);
      await rig.input('events', { payload: { what: 'door' }, device: { device_id: deviceId } });
      await rig.input('events', { payload: { device_id: deviceId, what: 'window' } });
      await until('three updates', () => socket.updates().length === 3);
      const [telemetry, door, window] = socket.updates();
      assert.deepEqual(telemetry, {
        channel: `device.${deviceId}.telemetry`,
        timestamp: '2026-01-01T00:00:00.000Z',
        untrusted: ['data'],
        data: { live_readings: [{ ...temperature(21), timestamp: '2026-01-01T00:00:00.000Z' }] },
      });
      assert.equal(door.channel, `device.${deviceId}.events`);
      assert.deepEqual(door.data, { what: 'door' });
      assert.equal(window.data.what, 'window');

      const { subscription_id } = result;
      const ended = await socket.call('unsubscribe', { subscription_id });
      assert.deepEqual(ended.result, { unsubscribed: true });
      assert.equal((await rig.hub()).streams.wanted(deviceId, 'events'), false);
      const again = await socket.call('unsubscribe', { subscription_id });
      assert.deepEqual(again.result, { unsubscribed: false });
      await socket.close();
    });

    it('a subscription ends with its connection', async () => {
      const socket = await openSocket(rig);
      await socket.call('subscribe', { channels: ['*'] });
      const hub = await rig.hub();
      assert.equal(hub.streams.wanted(deviceId, 'alerts'), true);
      await socket.close();
      await until('nobody listens', () => !hub.streams.wanted(deviceId, 'alerts'));
    });

    it('subscribe needs a WebSocket, and channels that exist', async () => {
      const overHttp = await call(rig, 'subscribe', { channels: ['*'] });
      assert.equal(overHttp.error?.code, -32600);
      assert.match(overHttp.error.data.reason as string, /WebSocket/);
      const socket = await openSocket(rig);
      for (const params of [{}, { channels: ['nonsense'] }, { channels: 7 }, { channels: [3] }])
        assert.equal((await socket.call('subscribe', params)).error?.code, -32602);
      await socket.close();
      const stray = await rig.input('subscribeAlone', { payload: { channels: ['*'] } });
      assert.equal(stray.outputs[1]![0]!.error?.code, -32600);
      assert.equal(stray.dones, 1);
    });

    it('stream out refuses what names no device, and says when it has no hub', async () => {
      const { error, dones } = await rig.input('events', { payload: { what: 'door' } });
      assert.match(error!.message, /device_id/);
      assert.equal(dones, 1);
      assert.match(rig.status('events')?.text ?? '', /^refused: /);
      await rig.input('events', { payload: {}, device: { device_id: deviceId } });
      assert.equal(rig.status('events')?.text, 'ready', 'and is well again after the next');
      assert.equal((await rig.input('streamOrphan', { payload: {} })).dones, 1);
      assert.equal(rig.status('streamOrphan')?.text, 'no hub is chosen');
    });

    it('an alarm is published on MQTT and on the channel of its device, not again at once, and when it is cleared', async () => {
      const admin = await joinAsAdmin(rig);
      const heard: { topic: string; alarm: { state: string; count: number } }[] = [];
      admin.on('message', (topic, payload) =>
        heard.push({ topic, alarm: JSON.parse(payload.toString()) }),
      );
      await admin.subscribeAsync('llm-iot/alerts/#', { qos: 1 });
      const socket = await openSocket(rig);
      await socket.call('subscribe', { channels: [`device.${deviceId}.alerts`] });
      const message = { payload: {}, device: { device_id: deviceId } };

      const first = await rig.input('raise', message);
      assert.equal((first.outputs[0]![0]!.payload as { count: number }).count, 1);
      const second = await rig.input('raise', message);
      assert.equal((second.outputs[0]![0]!.payload as { count: number }).count, 2);
      await rig.input('warn', message);
      const cleared = await rig.input('clear', message);
      assert.equal((cleared.outputs[0]![0]!.payload as { state: string }).state, 'cleared');
      assert.equal(cleared.dones, 1);

      await until('three alarms on MQTT', () => heard.length >= 3);
      assert.deepEqual(
        heard.map(({ topic, alarm }) => [topic, alarm.state]),
        [
          ['llm-iot/alerts/error', 'raised'],
          ['llm-iot/alerts/warning', 'raised'],
          ['llm-iot/alerts/error', 'cleared'],
        ],
      );
      await until('three alarms on the channel', () => socket.updates().length >= 3);
      assert.deepEqual(
        socket.updates().map(({ data }) => data.kind),
        ['overheated', 'low', 'overheated'],
      );
      const nothing = await rig.input('clear', message);
      assert.equal(nothing.outputs[0]![0]!.payload, null, 'nothing to clear is no error');
      await socket.close();
      await admin.endAsync(true);
    });

    it('device event tells what becomes of devices, only the events that were chosen', async () => {
      const hub = await rig.hub();
      const { device_id: id, api_key } = await hub.devices.register(esp32() as never, undefined);
      const mine = (node: string): [string | undefined, unknown][] =>
        rig
          .received(node)
          .filter(({ device }) => device?.device_id === id)
          .map(({ topic, payload }) => [topic, payload]);
      const told = (event: string): Promise<unknown> =>
        until(event, () => mine('all').find(([topic]) => topic === event)?.[1]);
      await told('registered');
      await hub.devices.register({ ...esp32(), device_id: id, api_key }, undefined);
      await told('resumed');
      hub.presence.gone(id, 'its plug was pulled');
      const offline = (await told('offline')) as Record<string, unknown>;
      assert.equal(offline['event'], 'offline');
      assert.equal(offline['device_id'], id);
      assert.match(String(offline['reason']), /plug/);
      void hub.presence.heartbeat({ device_id: id });
      await told('online');
      await hub.devices.update({ device_id: id, name: 'shed' });
      const updated = (await told('updated')) as { device: { name: string } };
      assert.equal(updated.device.name, 'shed');
      await hub.devices.discoverSensor({
        mcu_id: id,
        static_schema: {
          manufacturer: 'Bosch',
          model: 'BME280',
          bus: { type: 'i2c', address: '0x76' },
        },
      });
      const found = (await told('sensor_discovered')) as { sensor: { mcu_id: string } };
      assert.equal(found.sensor.mcu_id, id);
      await hub.removeDevice(id);
      await told('removed');
      assert.deepEqual(
        mine('some').map(([topic]) => topic),
        ['updated'],
      );
      assert.equal(rig.status('eventOrphan')?.text, 'no hub is chosen');
    });

    it('what device event sends is a copy: a flow that changes it changes no device', async () => {
      const hub = await rig.hub();
      await hub.devices.update({ device_id: deviceId, name: 'original' });
      const message = await rig.next('some', 0, ({ device }) => device?.device_id === deviceId);
      (message.device as unknown as { name: string }).name = 'changed';
      assert.equal(hub.devices.get(deviceId).name, 'original');
    });
  });
