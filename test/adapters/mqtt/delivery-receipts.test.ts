import assert from 'node:assert/strict';
import type { IClientOptions, MqttClient } from 'mqtt';
import { connectAs, received, startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
import { until } from '../../support/until.ts';

const topic = 'llm-iot/devices/mcu-1/command/request';
const sensorTopic = 'llm-iot/devices/sensor-1/command/request';

describe('what the embedded broker knows of a message to a device', () => {
  let broker: TestBroker;
  let clients: MqttClient[] = [];
  before(async () => {
    broker = await startTestBroker();
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    clients = [];
  });
  after(() => broker.link.close());

  const connect = async (who: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const client = await connectAs(who, broker.link.url, options);
    clients.push(client);
    return client;
  };
  /** Sends a text, and counts how often the broker says that the device has it. */
  const send = async (text: string, to = topic): Promise<{ times: () => number }> => {
    let times = 0;
    await broker.link.publish(to, text, { qos: 1, onDelivered: () => (times += 1) });
    return { times: () => times };
  };
  const heard = (packets: { payload: Buffer | string }[], text: string): Promise<unknown> =>
    until(text, () => packets.some(({ payload }) => payload.toString() === text));

  for (const [what, options] of [
    ['MQTT 5', { protocolVersion: 5 }],
    ['MQTT 3.1.1', { protocolVersion: 4 }],
    [
      'a kept session',
      {
        protocolVersion: 5,
        clean: false,
        clientId: 'kept',
        properties: { sessionExpiryInterval: 60 },
      },
    ],
  ] as [string, IClientOptions][])
    it(`tells once that it was acknowledged, of each message: ${what}`, async () => {
      const device = await connect('mcu-1', options);
      received(device);
      await device.subscribeAsync(topic, { qos: 1 });
      for (const text of ['one', 'two', 'three']) {
        const { times } = await send(text);
        await until(text, () => times() > 0);
        assert.equal(times(), 1);
      }
    });

  it('tells nothing of who subscribed without acknowledging, of others, and of nobody', async () => {
    const device = await connect('mcu-1');
    const packets = received(device);
    await device.subscribeAsync(topic, { qos: 0 });
    const admin = await connect('admin');
    const overheard = received(admin);
    await admin.subscribeAsync(topic, { qos: 1 });
    const first = await send('first');
    await heard(packets, 'first');
    await heard(overheard, 'first');
    // What is acknowledged later must not stand for it.
    await device.subscribeAsync(sensorTopic, { qos: 1 });
    const second = await send('second', sensorTopic);
    await until('the second is acknowledged', () => second.times() > 0);
    const third = await send('third', 'llm-iot/devices/mcu-2/command/request');
    assert.deepEqual([first.times(), second.times(), third.times()], [0, 1, 0]);
  });

  it('knows whether a device listens: its own connection, to this topic or to a pattern of it', async () => {
    const listens = (): boolean[] => [topic, sensorTopic].map((to) => broker.link.isHeard!(to));
    assert.deepEqual(listens(), [false, false]);
    const admin = await connect('admin');
    await admin.subscribeAsync(topic);
    const device = await connect('mcu-1');
    assert.deepEqual(listens(), [false, false]);
    await device.subscribeAsync(topic);
    assert.deepEqual(listens(), [true, false]);
    await device.unsubscribeAsync(topic);
    await device.subscribeAsync('llm-iot/devices/sensor-1/#');
    assert.deepEqual(listens(), [false, true]);
    await device.endAsync();
    await until('it is gone', () => listens().every((one) => !one));
  });
});
