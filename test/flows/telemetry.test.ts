import assert from 'node:assert/strict';
import { connectAsync } from 'mqtt';
import type { LedgerAccount } from '../../nodes/core/telemetry/ledger.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  deploy,
  eventually,
  getFlow,
  joinDevice,
  openSocket,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { listen, roomNode } from '../support/house.ts';

interface StoredReading {
  device_id: string;
  sensor_id?: string;
  measurement_type: string;
  value: unknown;
  unit?: string;
  quality: string;
  timestamp: string;
}

/** 2016-01-11, an evening of the house. */
const evening = (minute: number): string =>
  new Date(Date.UTC(2016, 0, 11, 17, minute)).toISOString();

describe('telemetry with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;

  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  const latest = async (id: string): Promise<StoredReading[]> =>
    (await ask(hub, 'telemetry.latest', { device_id: id })).readings;
  const stored = async (id: string, type = 'temperature'): Promise<unknown[][]> => {
    const { series } = await ask(hub, 'data.query', {
      device_ids: [id],
      measurement_types: [type],
      time_range: { start: '2000-01-01T00:00:00Z', end: '2100-01-01T00:00:00Z' },
    });
    return (series[0]?.points ?? []).map(({ timestamp, value }: StoredReading) => [
      timestamp,
      value,
    ]);
  };
  const update = (device: TestDevice, readings: object[], more: object = {}) =>
    ask(
      hub,
      'telemetry.update',
      { device_id: device.id, ...more, data: { live_readings: readings } },
      device.key,
    );

  it('takes params, one reading, an array of readings, and the whole JSON-RPC message', async () => {
    const node = await joinDevice(hub, roomNode('kitchen'));
    await node.publish('telemetry', {
      timestamp: evening(0),
      data: { live_readings: [temperature(19.1), { measurement_type: 'humidity', value: 46 }] },
    });
    await node.publish('telemetry', temperature(19.2, { timestamp: evening(10) }));
    await node.publish('telemetry', [
      temperature(19.3, { timestamp: evening(20) }),
      temperature(19.4, { timestamp: Date.parse(evening(30)) }),
    ]);
    await node.publish('telemetry', {
      jsonrpc: '2.0',
      method: 'telemetry.update',
      params: {
        device_id: node.id,
        timestamp: evening(40),
        data: { live_readings: [temperature(19.5)] },
      },
    });
    const socket = await openSocket(hub, node.key);
    const { result } = await socket.call('telemetry.update', {
      device_id: node.id,
      data: { live_readings: [temperature(19.6, { timestamp: evening(50) })] },
    });
    assert.deepEqual(result, { accepted: 1, rejected: [] });
    await socket.close();
    assert.deepEqual(await stored(node.id), [
      [evening(0), 19.1],
      [evening(10), 19.2],
      [evening(20), 19.3],
      [evening(30), 19.4],
      [evening(40), 19.5],
      [evening(50), 19.6],
    ]);
    assert.deepEqual(await stored(node.id, 'humidity'), [[evening(0), 46]]);
    await node.end();
  });

  for (const protocolVersion of [4, 5] as const)
    for (const qos of [0, 1, 2] as const)
      it(`QoS ${qos} over MQTT ${protocolVersion === 5 ? '5' : '3.1.1'} is stored, kept as latest value and streamed`, async () => {
        const node = await joinDevice(hub, roomNode(`room ${protocolVersion}${qos}`), {
          protocolVersion,
        });
        const live = await openSocket(hub);
        await live.call('subscribe', { channels: [`device.${node.id}.telemetry`] });
        await node.mqtt.publishAsync(
          `llm-iot/devices/${node.id}/telemetry`,
          JSON.stringify(temperature(20 + qos, { timestamp: evening(0) })),
          { qos },
        );
        const [update] = await eventually('the update', () =>
          Promise.resolve(live.updates().length > 0 && live.updates()),
        );
        assert.equal(update.data.live_readings[0].value, 20 + qos);
        assert.equal(update.timestamp, evening(0));
        const [newest] = await latest(node.id);
        assert.equal(newest?.value, 20 + qos);
        assert.deepEqual(await stored(node.id), [[evening(0), 20 + qos]]);
        await live.close();
        await node.end();
      });

  it('an acknowledged reading is a stored reading', async () => {
    const node = await joinDevice(hub, roomNode('hall'));
    for (let minute = 0; minute < 20; minute++) {
      await node.publish('telemetry', temperature(minute, { timestamp: evening(minute) }));
      assert.equal((await stored(node.id)).length, minute + 1);
    }
    await node.end();
  });

  it('is checked against what the device declares: type of value, unit, range, quality', async () => {
    const node = await joinDevice(hub, roomNode('bathroom'));
    const { accepted, rejected } = await update(node, [
      temperature(17.2),
      temperature('warm' as never),
      temperature(17, { unit: 'fahrenheit' }),
      temperature(86),
      temperature(17, { quality: 'superb' }),
      { measurement_type: 'humidity', value: -1, unit: 'percent' },
      { measurement_type: 'humidity', value: 55.1, quality: 'uncertain' },
    ]);
    assert.equal(accepted, 2);
    const reasons = rejected.map(({ index, code, reason }: Record<string, unknown>) => {
      assert.equal(code, -32004);
      return [index, reason];
    });
    assert.deepEqual(reasons, [
      [1, 'value of temperature must be a number'],
      [2, 'unit of temperature must be celsius'],
      [3, 'temperature 86 is outside -40 to 85 celsius'],
      [4, 'quality must be one of good, uncertain, bad'],
      [5, 'humidity -1 is outside 0 to 100 percent'],
    ]);
    const readings = await latest(node.id);
    const humidity = readings.find(({ measurement_type }) => measurement_type === 'humidity');
    assert.equal(humidity?.unit, 'percent', 'the declared unit is filled in');
    assert.equal(humidity.quality, 'uncertain');
    await node.end();
  });

  it('a type nobody declared is learned from its first reading; type and unit are then fixed', async () => {
    const node = await joinDevice(hub, roomNode('office'));
    await node.publish('telemetry', { measurement_type: 'noise', value: 38.5, unit: 'decibel' });
    await node.publish('telemetry', { measurement_type: 'door', value: true });
    const { measurements } = await ask(hub, 'device.get', { device_id: node.id });
    const noise = measurements.find(
      ({ measurement_type }: StoredReading) => measurement_type === 'noise',
    );
    assert.deepEqual(noise, {
      measurement_type: 'noise',
      value_type: 'number',
      unit: 'decibel',
      learned: true,
    });
    const { accepted, rejected } = await update(node, [
      { measurement_type: 'noise', value: 40 },
      { measurement_type: 'noise', value: 'loud' },
      { measurement_type: 'noise', value: 40, unit: 'sone' },
      { measurement_type: 'door', value: 1 },
    ]);
    assert.equal(accepted, 1);
    assert.deepEqual(
      rejected.map(({ index, code }: { index: number; code: number }) => [index, code]),
      [
        [1, -32004],
        [2, -32004],
        [3, -32004],
      ],
    );
    await node.end();
  });

  describe('the rule for time', () => {
    it('a reading without a timestamp gets the time it arrived', async () => {
      const node = await joinDevice(hub, roomNode('porch'));
      const from = Date.now();
      await node.publish('telemetry', temperature(6.4));
      const to = Date.now();
      const [reading] = await latest(node.id);
      const time = Date.parse(reading?.timestamp ?? '');
      assert.ok(time >= from && time <= to, `${from} ${time} ${to}`);
      await node.end();
    });

    it('one from more than five minutes ahead, or from before 2000, is refused; a little ahead is not', async () => {
      const node = await joinDevice(hub, roomNode('garden'));
      const { accepted, rejected } = await update(node, [
        temperature(6, { timestamp: new Date(Date.now() + 60_000).toISOString() }),
        temperature(7, { timestamp: new Date(Date.now() + 600_000).toISOString() }),
        temperature(8, { timestamp: '1999-12-31T23:59:59Z' }),
        temperature(9, { timestamp: 'yesterday' }),
      ]);
      assert.equal(accepted, 1);
      assert.deepEqual(
        rejected.map(({ index, reason }: { index: number; reason: string }) => [
          index,
          /future|before 2000|ISO 8601/.exec(reason)?.[0],
        ]),
        [
          [1, 'future'],
          [2, 'before 2000'],
          [3, 'ISO 8601'],
        ],
      );
      await node.end();
    });

    it('those out of order are stored where they belong, and an old one is not the latest', async () => {
      const node = await joinDevice(hub, roomNode('cellar'));
      for (const minute of [30, 10, 20])
        await node.publish('telemetry', temperature(minute, { timestamp: evening(minute) }));
      assert.deepEqual(await stored(node.id), [
        [evening(10), 10],
        [evening(20), 20],
        [evening(30), 30],
      ]);
      assert.equal((await latest(node.id))[0]?.value, 30);
      await node.end();
    });

    it('two of one series with the same timestamp are one: the later one wins', async () => {
      const node = await joinDevice(hub, roomNode('attic'));
      await node.publish('telemetry', temperature(11, { timestamp: evening(0) }));
      await node.publish('telemetry', temperature(12, { timestamp: evening(0) }));
      assert.deepEqual(await stored(node.id), [[evening(0), 12]]);
      await node.end();
    });
  });

  it('operational_status is kept with the device', async () => {
    const node = await joinDevice(hub, roomNode('laundry room'));
    await node.publish('telemetry', {
      data: { operational_status: { power_state: 'on', battery: 83 }, live_readings: [] },
    });
    const status = await eventually('the status', async () => {
      const device = await ask(hub, 'device.get', { device_id: node.id });
      return device.operational_status;
    });
    assert.deepEqual(status, { power_state: 'on', battery: 83 });
    await node.end();
  });

  it('readings of a sensor come by its topic, its sensor_id or its type, and are found by either id', async () => {
    const node = await joinDevice(hub, {
      device_type: 'mcu',
      static_schema: { manufacturer: 'Espressif', model: 'ESP32-C3' },
    });
    const { sensor_id } = await ask(
      hub,
      'sensor.discover',
      { mcu_id: node.id, static_schema: { manufacturer: 'Sensirion', model: 'SHT31' } },
      node.key,
    );
    await node.publish('telemetry', temperature(21, { timestamp: evening(0) }));
    await node.publish('telemetry', temperature(22, { timestamp: evening(1), sensor_id }));
    await node.mqtt.publishAsync(
      `llm-iot/devices/${sensor_id}/telemetry`,
      JSON.stringify(temperature(23, { timestamp: evening(2) })),
      { qos: 1 },
    );
    await update(node, [temperature(24, { timestamp: evening(3) })], { device_id: sensor_id });
    const expected = [21, 22, 23, 24].map((value, minute) => [evening(minute), value]);
    assert.deepEqual(await stored(sensor_id), expected);
    assert.deepEqual(await stored(node.id), expected);
    const [newest] = await latest(sensor_id);
    assert.equal(newest?.device_id, node.id);
    assert.equal(newest.sensor_id, sensor_id);

    const stranger = await joinDevice(hub, roomNode('shed'));
    const { error } = await call(
      hub,
      'telemetry.update',
      { device_id: stranger.id, data: { live_readings: [temperature(98, { sensor_id })] } },
      stranger.key,
    );
    assert.equal(error?.code, -32005);
    await stranger.publish('telemetry', temperature(99, { sensor_id }));
    assert.equal((await latest(sensor_id))[0]?.value, 24, 'nobody speaks for another’s sensor');
    await stranger.end();
    await node.end();
  });

  describe('what does not parse or validate', () => {
    it('is published to llm-iot/alerts/error with the device id and the reason, and is counted', async () => {
      const node = await joinDevice(hub, roomNode('teenager room'));
      const listener = await listen(hub, 'llm-iot/alerts/error');
      const { heard } = listener;
      const before = (await ask(hub, 'hub.info')).telemetry;
      await node.publish('telemetry', '{"measurement_type": "temperature", "value": NaN}');
      const alert = await eventually('the alarm', () =>
        Promise.resolve(heard.find(({ json }) => json.device_id === node.id)),
      );
      assert.equal(alert.json.kind, 'bad_message');
      assert.match(alert.json.message, /not JSON/);

      const other = await joinDevice(hub, roomNode('parents room'));
      await other.publish('telemetry', temperature(200));
      const refusal = await eventually('the second alarm', () =>
        Promise.resolve(heard.find(({ json }) => json.device_id === other.id)),
      );
      assert.match(refusal.json.message, /temperature 200 is outside -40 to 85/);
      const after = (await ask(hub, 'hub.info')).telemetry;
      const count = (telemetry: typeof after): number[] => [
        telemetry.messages.mqtt?.refused['-32700'] ?? 0,
        telemetry.readings.mqtt.rejected['-32004'] ?? 0,
      ];
      const [messages = 0, readings = 0] = count(before);
      assert.deepEqual(count(after), [messages + 1, readings + 1]);
      await listener.end();
      await node.end();
      await other.end();
    });

    it('is published once, not a hundred times, for a device that keeps sending it; all are counted', async () => {
      const node = await joinDevice(hub, roomNode('ironing room'));
      const listener = await listen(hub, 'llm-iot/alerts/error');
      const { heard } = listener;
      await Promise.all(
        Array.from({ length: 100 }, (_unused, index) =>
          node.publish('telemetry', `not JSON ${index}`),
        ),
      );
      const alarm = await eventually('all are counted', async () => {
        const { alerts } = await ask(hub, 'alert.list', { device_id: node.id });
        return alerts[0]?.count === 100 && alerts[0];
      });
      assert.equal(alarm.kind, 'bad_message');
      await ask(hub, 'hub.health');
      assert.equal(heard.filter(({ json }) => json.device_id === node.id).length, 1);
      await listener.end();
      await node.end();
    });

    it('never costs a well-behaved client its connection, in MQTT 3.1.1 and 5', async () => {
      for (const protocolVersion of [4, 5] as const) {
        const node = await joinDevice(hub, roomNode(`flat ${protocolVersion}`), {
          protocolVersion,
        });
        let closed = false;
        node.mqtt.on('close', () => (closed = true));
        for (const payload of ['', '{', '[]', 'null', '"temperature"', { value: 3 }, [[[]]]])
          await node.publish('telemetry', payload);
        await node.publish('status', 'dancing');
        await node.publish('command/response', 'what?');
        await node.publish('telemetry', temperature(21));
        assert.equal((await latest(node.id))[0]?.value, 21);
        assert.equal(closed, false);
        await node.end();
      }
    });

    it('loses only the readings that are wrong', async () => {
      const node = await joinDevice(hub, roomNode('guest room'));
      await node.publish('telemetry', [
        temperature(20, { timestamp: evening(0) }),
        'nonsense',
        temperature(500, { timestamp: evening(1) }),
        temperature(21, { timestamp: evening(2) }),
      ]);
      assert.deepEqual(await stored(node.id), [
        [evening(0), 20],
        [evening(2), 21],
      ]);
      await node.end();
    });
  });

  it('readings in the name of a device that is not there, or is gone, are stored nowhere', async () => {
    const { accepted, rejected } = await ask(hub, 'telemetry.update', {
      device_id: 'nobody',
      data: { live_readings: [temperature(20)] },
    });
    assert.equal(accepted, 0);
    assert.deepEqual([rejected[0].index, rejected[0].code], [0, -32000]);
    const admin = await connectAsync(hub.mqttUrl, {
      username: 'admin',
      password: hub.adminKey,
      reconnectPeriod: 0,
    });
    const { readings } = (await ask(hub, 'hub.info')).telemetry.store;
    await admin.publishAsync('llm-iot/devices/nobody/telemetry', JSON.stringify(temperature(20)), {
      qos: 1,
    });
    assert.equal((await ask(hub, 'hub.info')).telemetry.store.readings, readings);
    await admin.endAsync(true);
  });

  it('the ledger in hub.info adds up: received = stored + rejected + filtered + dropped + in flight', async () => {
    const { telemetry } = await ask(hub, 'hub.info');
    const accounts = Object.entries(telemetry.readings as Record<string, LedgerAccount>);
    assert.ok(accounts.length >= 3, 'mqtt, http and websocket');
    for (const [transport, account] of accounts) {
      const { received, stored, rejected, filtered, dropped, in_flight } = account;
      const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
      assert.equal(received, stored + refused + filtered + in_flight, transport);
      assert.equal(in_flight, 0, transport);
      assert.deepEqual(dropped, {}, transport);
    }
  });

  it('by the hub’s setting a type nobody declared is refused with -32004 instead', async () => {
    const flow = await getFlow(hub);
    flow.find(({ type }) => type === 'llm-iot-hub')!['unknownTypes'] = 'refuse';
    await deploy(hub, flow);
    await eventually('the hub runs with its new setting', async () => {
      const { result } = await call(hub, 'hub.health').catch(() => ({ result: undefined }));
      return result?.status === 'up';
    });
    const node = await joinDevice(hub, roomNode('strict room'));
    const { accepted, rejected } = await update(node, [
      temperature(20),
      { measurement_type: 'noise', value: 40 },
    ]);
    assert.equal(accepted, 1);
    assert.deepEqual([rejected[0].index, rejected[0].code], [1, -32004]);
    assert.match(rejected[0].reason, /noise is declared neither/);
    await node.end();
  });
});
