import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import type { InboundMessage, MqttLink } from '../../nodes/core/topic/ports.ts';
import { until } from '../support/until.ts';
import { received } from '../support/mqtt-hub.ts';

export interface MqttLinkSetup {
  link: MqttLink;
  /** Connects somebody who may use every topic. */
  connect(version: 4 | 5): Promise<MqttClient>;
}

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const telemetry = 'llm-iot/devices/mcu-1/telemetry';
const text = (message: InboundMessage): string => Buffer.from(message.payload).toString();

/** What the hub relies on, whichever broker it uses. */
export function mqttLinkContract(
  name: string,
  start: (ctx: Mocha.Context) => Promise<MqttLinkSetup & { stop(): Promise<void> }>,
): void {
  describe(`MQTT link: ${name}`, () => {
    let setup: Awaited<ReturnType<typeof start>>;
    let clients: MqttClient[] = [];

    beforeEach(async function () {
      setup = await start(this);
      await until('the link is connected', () => isConnected(setup.link));
    });
    afterEach(async () => {
      for (const client of clients) client.end(true);
      clients = [];
      await setup.link.close();
      await setup.stop();
    });

    const connect = async (version: 4 | 5): Promise<MqttClient> => {
      const client = await setup.connect(version);
      clients.push(client);
      return client;
    };
    const collect = (): InboundMessage[] => {
      const messages: InboundMessage[] = [];
      setup.link.onMessage((message) => {
        messages.push(message);
        message.settle();
      });
      return messages;
    };

    for (const version of [4, 5] as const) {
      for (const qos of [0, 1, 2] as const) {
        it(`hands over a QoS ${qos} message of an MQTT ${version === 5 ? '5' : '3.1.1'} client`, async () => {
          const messages = collect();
          const client = await connect(version);
          await client.publishAsync(telemetry, 'hello', { qos });
          const message = await until('the message', () => messages[0]);
          assert.equal(message.topic, telemetry);
          assert.deepEqual(message.parsed, { branch: 'telemetry', deviceId: 'mcu-1' });
          assert.equal(text(message), 'hello');
          assert.equal(message.retained, false);
          assert.equal(setup.link.stats().received, 1);
        });
      }
    }

    it('hands over every inbound branch of the tree', async () => {
      const messages = collect();
      const client = await connect(5);
      const topics = [
        telemetry,
        'llm-iot/devices/mcu-1/status',
        'llm-iot/devices/mcu-1/command/response',
        'llm-iot/discovery/announce',
      ];
      for (const topic of topics) await client.publishAsync(topic, 'x', { qos: 1 });
      await until('all of them', () => messages.length === topics.length);
      assert.deepEqual(messages.map(({ topic }) => topic).sort(), topics.sort());
    });

    it('passes on response topic, correlation data and place in a trace', async () => {
      const messages = collect();
      const client = await connect(5);
      const responseTopic = 'llm-iot/discovery/response/somebody';
      await client.publishAsync('llm-iot/discovery/announce', '{}', {
        qos: 1,
        properties: {
          responseTopic,
          correlationData: Buffer.from([0, 255, 7]),
          userProperties: { traceparent, colour: ['red', 'green'] },
        },
      });
      const message = await until('the message', () => messages[0]);
      assert.equal(message.responseTopic, responseTopic);
      assert.deepEqual(Buffer.from(message.correlationData!), Buffer.from([0, 255, 7]));
      assert.equal(message.traceparent, traceparent);
    });

    it('answers with correlation data and place in a trace to a subscriber', async () => {
      const client = await connect(5);
      const packets = received(client);
      await client.subscribeAsync('llm-iot/devices/mcu-1/command/request', { qos: 1 });
      await setup.link.publish('llm-iot/devices/mcu-1/command/request', 'do it', {
        qos: 1,
        correlationData: Buffer.from('abc'),
        messageExpiry: 60,
        traceparent,
      });
      const packet = await until('the command', () => packets[0]);
      assert.equal(packet.payload.toString(), 'do it');
      assert.equal(packet.properties?.correlationData?.toString(), 'abc');
      assert.equal(packet.properties.userProperties?.['traceparent'], traceparent);
      assert.ok((packet.properties.messageExpiryInterval ?? 0) > 0);
      assert.equal(setup.link.stats().published, 1);
    });

    it('keeps what it publishes retained for those who come later', async () => {
      await setup.link.publish('llm-iot/alerts/warning', 'beware', { qos: 1, retain: true });
      const client = await connect(4);
      const packets = received(client);
      await client.subscribeAsync('llm-iot/alerts/#', { qos: 1 });
      const packet = await until('the retained message', () => packets[0]);
      assert.equal(packet.payload.toString(), 'beware');
      assert.equal(packet.retain, true);
    });

    it('does not hear itself', async () => {
      const messages = collect();
      await setup.link.publish('llm-iot/discovery/query', '{}');
      await setup.link.publish('llm-iot/devices/mcu-1/status', 'from the hub', { qos: 1 });
      const client = await connect(5);
      await client.publishAsync(telemetry, 'from a device', { qos: 1 });
      await until('the message of the device', () => messages[0]);
      assert.deepEqual(messages.map(text), ['from a device']);
    });

    it('has many messages waiting for their acknowledgement at once, settled in any order', async () => {
      const held: InboundMessage[] = [];
      setup.link.onMessage((message) => void held.push(message));
      const client = await connect(5);
      const done: Promise<unknown>[] = [];
      for (let i = 0; i < 15; i++) {
        done.push(client.publishAsync(telemetry, String(i), { qos: 1 }));
      }
      await until('all of them', () => held.length === 15);
      for (const message of held.reverse()) {
        message.settle();
        message.settle();
      }
      await Promise.all(done);
    });

    it('settles messages while nobody listens, and serves the next listener with the same clients', async () => {
      const client = await connect(4);
      const stop = setup.link.onMessage(() => assert.fail('this listener is gone'));
      stop();
      await client.publishAsync(telemetry, 'unheard', { qos: 1 });
      await until('it arrived', () => setup.link.stats().received === 1);
      const messages = collect();
      await client.publishAsync(telemetry, 'heard', { qos: 1 });
      await until('the next one', () => messages.length > 0);
      assert.deepEqual(messages.map(text), ['heard']);
    });

    it('tells a new listener its state at once, and that it is closed', async () => {
      const states: boolean[] = [];
      const stop = setup.link.onState(({ connected, detail }) => {
        assert.ok(detail.length > 0);
        states.push(connected);
      });
      assert.deepEqual(states, [true]);
      await setup.link.close();
      assert.deepEqual(states, [true, false]);
      stop();
      await setup.link.close();
    });

    it('shows an address without credentials', () => {
      assert.match(setup.link.url, /^mqtt:\/\/127\.0\.0\.1:\d+$/);
    });
  });
}

function isConnected(link: MqttLink): boolean {
  let is = false;
  link.onState(({ connected }) => (is = connected))();
  return is;
}
