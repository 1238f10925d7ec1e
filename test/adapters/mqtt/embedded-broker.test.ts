import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import mqttPacket, { type IPublishPacket } from 'mqtt-packet';
import type { InboundMessage } from '../../../nodes/core/topic/ports.ts';
import {
  connectAs,
  ownerOf,
  principalOf,
  received,
  startTestBroker,
  type TestBroker,
} from '../../support/mqtt-hub.ts';
import { createEmbeddedBroker } from '../../../nodes/adapters/mqtt/embedded-broker.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { connectPacket, rawClient, rawSession, type RawClient } from '../../support/raw-mqtt.ts';
import { until } from '../../support/until.ts';

const publish = (topic: string, rest: Partial<IPublishPacket> = {}): IPublishPacket => ({
  cmd: 'publish',
  topic,
  payload: Buffer.from('x'),
  qos: 1,
  dup: false,
  retain: false,
  messageId: 7,
  ...rest,
});
const telemetry = 'llm-iot/devices/mcu-1/telemetry';
const status = 'llm-iot/devices/mcu-1/status';

describe('embedded MQTT broker', () => {
  let broker: TestBroker;
  const raws: RawClient[] = [];
  const clients: MqttClient[] = [];

  beforeEach(async () => {
    broker = await startTestBroker();
  });
  afterEach(async () => {
    for (const client of raws.splice(0)) client.end();
    for (const client of clients.splice(0)) client.end(true);
    await broker.link.close();
  });

  const session = async (
    user: string,
    clientId: string,
    options: { version?: 4 | 5; clean?: boolean } = {},
  ): Promise<RawClient> => {
    const client = await rawSession(broker.port, user, clientId, options);
    raws.push(client);
    return client;
  };
  const connect = async (
    ...args: Parameters<typeof connectAs> extends [infer U, string, ...infer R] ? [U, ...R] : never
  ) => {
    const client = await connectAs(args[0], broker.link.url, args[1]);
    clients.push(client);
    return client;
  };
  const hold = (): InboundMessage[] => {
    const held: InboundMessage[] = [];
    broker.link.onMessage((message) => void held.push(message));
    return held;
  };
  const ping = async (client: RawClient): Promise<void> => {
    client.send({ cmd: 'pingreq' });
    await client.next('pingresp');
  };

  for (const version of [4, 5] as const) {
    const protocol = version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';

    it(`acknowledges a message when it is settled, not before (${protocol})`, async () => {
      const held = hold();
      for (const [qos, ack] of [
        [1, 'puback'],
        [2, 'pubrec'],
      ] as const) {
        const client = await session('mcu-1', 'c', { version });
        const watcher = await connect('admin', { clientId: 'w' });
        const seen = received(watcher);
        await watcher.subscribeAsync(telemetry);
        client.send(publish(telemetry, { qos }));
        const message = await until('the message', () => held.pop());
        // The answer to a later request of somebody else: the acknowledgement is not merely slow.
        await ping(await session('mcu-2', 'other'));
        assert.deepEqual(client.packets, []);
        assert.deepEqual(seen, []);
        message.settle();
        await client.next(ack);
        await until('it is forwarded', () => seen.length === 1);
        client.end();
        watcher.end(true);
      }
    });

    it(`acknowledges in the order of the messages, also around another packet (${protocol})`, async () => {
      const held = hold();
      const client = await session('mcu-1', 'c', { version });
      const [first, second] = [1, 2].map((messageId) =>
        mqttPacket.generate(publish(telemetry, { messageId }), { protocolVersion: version }),
      ) as [Buffer, Buffer];
      client.bytes(Buffer.concat([first, Buffer.from([0xc0, 0]), second]));
      await until('both messages', () => held.length === 2);
      for (const message of held) message.settle();
      assert.equal((await client.next('puback')).messageId, 1);
      assert.equal((await client.next('puback')).messageId, 2);
    });

    it(`holds QoS 0 messages too, and reads no further meanwhile (${protocol})`, async () => {
      const held = hold();
      const client = await session('mcu-1', 'c', { version });
      client.send(publish(telemetry, { qos: 0 }));
      const message = await until('the message', () => held.pop());
      client.send({ cmd: 'pingreq' });
      const other = await session('mcu-2', 'd', { version });
      await ping(other);
      assert.deepEqual(client.packets, []);
      message.settle();
      await client.next('pingresp');
    });

    it(`leaves a message that was not stored ${version === 5 ? 'refused with a reason' : 'without acknowledgement'}, and the client connected (${protocol})`, async () => {
      const held = hold();
      const client = await session('mcu-1', 'c', { version });
      const watcher = await connect('admin');
      const seen = received(watcher);
      await watcher.subscribeAsync(telemetry);
      for (const [qos, ack] of [
        [1, 'puback'],
        [2, 'pubrec'],
      ] as const) {
        client.send(publish(telemetry, { qos, retain: true }));
        (await until('the message', () => held.pop())).settle(new Error('the disk is full'));
        if (version === 5) assert.equal((await client.next(ack)).reasonCode, 0x83);
        await ping(client);
        assert.deepEqual(client.packets, []);
        client.send(publish(telemetry, { qos, dup: true }));
        (await until('the repetition', () => held.pop())).settle();
        await client.next(ack);
      }
      await until('the repetitions are forwarded', () => seen.length === 2);
    });

    it(`tells nobody of telemetry twice, whoever listens and since when (${protocol})`, async () => {
      const held = hold();
      const client = await session('mcu-1', 'c', { version });
      const send = async (payload: string): Promise<void> => {
        client.send(publish(telemetry, { payload: Buffer.from(payload) }));
        const message = await until('the message', () => held.pop());
        assert.equal(String(message.payload), payload);
        assert.equal(message.clientId, 'c');
        message.settle();
        await client.next('puback');
      };
      await send('nobody listens');
      const watcher = await connect('admin');
      const seen = received(watcher);
      await watcher.subscribeAsync('llm-iot/devices/+/telemetry');
      await send('one listens');
      await until('it is forwarded', () => seen.length === 1);
      await watcher.unsubscribeAsync('llm-iot/devices/+/telemetry');
      await send('nobody listens any more');
      assert.equal(seen.length, 1);
    });

    it(`discards what a client may not publish and keeps the client (${protocol})`, async () => {
      const held = hold();
      const watcher = await connect('admin');
      const seen = received(watcher);
      await watcher.subscribeAsync('llm-iot/#');
      const client = await session('mcu-1', 'c', { version });
      for (const topic of [
        'llm-iot/devices/mcu-2/telemetry',
        'llm-iot/alerts/error',
        '$SYS/x',
        'free',
      ]) {
        for (const [qos, ack] of [
          [0, undefined],
          [1, 'puback'],
          [2, 'pubrec'],
        ] as const) {
          client.send(publish(topic, { qos, retain: true }));
          if (!ack) continue;
          const { reasonCode } = await client.next(ack);
          assert.equal(reasonCode, version === 5 ? 0x87 : undefined);
          if (ack === 'pubrec' && version === 4) {
            client.send({ cmd: 'pubrel', messageId: 7 });
            await client.next('pubcomp');
          }
        }
      }
      await ping(client);
      assert.equal(broker.link.stats().refused, 12);
      assert.deepEqual([held, seen], [[], []]);
      assert.ok(broker.log.some((line) => line.includes('may not publish to free')));
    });

    it(`refuses subscriptions beyond a client's own topics and keeps the client (${protocol})`, async () => {
      const client = await session('mcu-1', 'c', { version });
      client.send({
        cmd: 'subscribe',
        messageId: 3,
        subscriptions: [
          '#',
          'llm-iot/devices/+/telemetry',
          '$SYS/#',
          'llm-iot/devices/sensor-1/#',
        ].map((topic) => ({ topic, qos: 1 })),
      });
      const no = version === 5 ? 0x87 : 0x80;
      assert.deepEqual((await client.next('suback')).granted, [no, no, no, 1]);
      await broker.link.publish('llm-iot/devices/mcu-2/command/request', 'not for you');
      await broker.link.publish('llm-iot/devices/sensor-1/command/request', 'for you');
      assert.equal((await client.next('publish')).payload.toString(), 'for you');
    });

    it(`takes a repeated QoS 2 message once (${protocol})`, async () => {
      const held = hold();
      const first = await session('mcu-1', 'c', { version });
      first.send(publish(telemetry, { qos: 2 }));
      await until('the message', () => held.length === 1);
      first.send(publish(telemetry, { qos: 2, dup: true }));
      held[0]!.settle();
      await first.next('pubrec');
      await first.next('pubrec');
      first.send(publish(telemetry, { qos: 2, dup: true }));
      await first.next('pubrec');
      first.send({ cmd: 'pubrel', messageId: 7 });
      await first.next('pubcomp');
      assert.equal(held.length, 1);
      first.send(publish(telemetry, { qos: 2 }));
      (await until('the next message', () => held[1])).settle();
      await first.next('pubrec');
    });
  }

  it('has a client of MQTT 3.1.1 send again what was not stored, by ending its connection', async () => {
    await broker.link.close();
    broker = await startTestBroker({ redeliveryDelayMs: 50 });
    const held = hold();
    const client = await session('mcu-1', 'c', { version: 4 });
    for (const messageId of [1, 2]) client.send(publish(telemetry, { messageId }));
    await until('both messages', () => held.length === 2);
    for (const message of held) message.settle(new Error('the disk is full'));
    await until('it is cut off', () => client.closed);
    const modern = await session('mcu-2', 'd', { version: 5 });
    modern.send(publish('llm-iot/devices/mcu-2/telemetry'));
    (await until('the message', () => held[2])).settle(new Error('the disk is full'));
    assert.equal((await modern.next('puback')).reasonCode, 0x83);
    await ping(modern);
  });

  it('forgets half-finished QoS 2 messages of a client that starts clean', async () => {
    const held = hold();
    for (let i = 1; i <= 2; i++) {
      const client = await session('mcu-1', 'c');
      client.send(publish(telemetry, { qos: 2 }));
      (await until('the message', () => held[i - 1])).settle();
      await client.next('pubrec');
      client.end();
      await until('it is gone', () => broker.link.stats().clients === 0);
    }
  });

  it('says who published: client id, principal and request properties', async () => {
    const held = hold();
    const client = await connect('register', { clientId: 'esp32' });
    void client.publishAsync('llm-iot/discovery/announce', '{}', {
      qos: 1,
      properties: {
        responseTopic: 'llm-iot/discovery/response/esp32',
        correlationData: Buffer.from('1'),
      },
    });
    const message = await until('the message', () => held[0]);
    message.settle();
    assert.equal(message.clientId, 'esp32');
    assert.equal(message.principal?.registration, true);
    assert.equal(message.responseTopic, 'llm-iot/discovery/response/esp32');
    assert.equal(message.will, false);
  });

  it('refuses a request whose answer would go where the client may not listen', async () => {
    const held = hold();
    const client = await session('register', 'esp32', { version: 5 });
    for (const responseTopic of [
      'llm-iot/discovery/response/other',
      'llm-iot/devices/mcu-1/command/request',
    ]) {
      client.send(publish('llm-iot/discovery/announce', { properties: { responseTopic } }));
      assert.equal((await client.next('puback')).reasonCode, 0x87);
    }
    assert.deepEqual(held, []);
  });

  it('hands over the will of a client that vanished, and none of one that said goodbye', async () => {
    const held = hold();
    const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: true };
    const polite = await connect('mcu-1', { will });
    await polite.endAsync();
    const client = await connect('mcu-1', { will });
    client.stream.destroy();
    const message = await until('the will', () => held[0]);
    assert.equal(message.will, true);
    assert.equal(message.topic, status);
    message.settle();
    const watcher = await connect('admin');
    const seen = received(watcher);
    await until('it is retained', async () => {
      await watcher.unsubscribeAsync(status);
      await watcher.subscribeAsync(status);
      return seen.length > 0;
    });
    assert.equal(held.length, 1);
  });

  it('publishes no will a client may not publish, and none that was not stored', async () => {
    const held = hold();
    const watcher = await connect('admin');
    const seen = received(watcher);
    await watcher.subscribeAsync('llm-iot/#');
    const payload = Buffer.from('x');
    const forger = await connect('mcu-1', {
      will: { topic: 'llm-iot/devices/mcu-2/status', payload, qos: 1, retain: false },
    });
    forger.stream.destroy();
    await until('it is refused', () => broker.link.stats().refused === 1);
    const unlucky = await connect('mcu-1', {
      will: { topic: status, payload, qos: 1, retain: false },
    });
    unlucky.stream.destroy();
    (await until('the will', () => held[0])).settle(new Error('not stored'));
    await watcher.publishAsync('llm-iot/alerts/warning', 'last');
    held.at(-1)?.settle();
    (await until('the last message', () => held[1])).settle();
    await until('the last message came', () => seen.length > 0);
    assert.deepEqual(
      seen.map(({ topic }) => topic),
      ['llm-iot/alerts/warning'],
    );
  });

  it('keeps a session and its messages for a client that comes back', async () => {
    for (const version of [4, 5] as const) {
      const options = {
        protocolVersion: version,
        clientId: `kept-${version}`,
        clean: false,
        ...(version === 5 && { properties: { sessionExpiryInterval: 600 } }),
      };
      const first = await connect('mcu-1', options);
      await first.subscribeAsync('llm-iot/devices/mcu-1/command/request', { qos: 1 });
      first.stream.destroy();
      await until('it is gone', () => broker.link.stats().clients === 0);
      await broker.link.publish('llm-iot/devices/mcu-1/command/request', 'while away', { qos: 1 });
      const back = await session('mcu-1', `kept-${version}`, { version, clean: false });
      assert.equal((await back.next('publish')).payload.toString(), 'while away');
      back.end();
      await until('it is gone', () => broker.link.stats().clients === 0);
    }
  });

  it('ends the connections, the wills and the sessions of a key that was revoked', async () => {
    const held = hold();
    const will = { topic: status, payload: Buffer.from('x'), qos: 1 as const, retain: false };
    const old = await connect('mcu-1', { clientId: 'a', protocolVersion: 4, clean: false, will });
    await old.subscribeAsync('llm-iot/discovery/query', { qos: 1 });
    const current = await session('mcu-1', 'b', { version: 5 });
    const other = await session('mcu-2', 'c');
    broker.link.disconnect('key-mcu-1');
    assert.equal((await current.next('disconnect')).reasonCode, 0x98);
    await until('both are gone', () => broker.link.stats().clients === 1);
    await ping(other);
    assert.deepEqual(held, []);
    const back = rawClient(broker.port);
    raws.push(back);
    back.send(connectPacket('mcu-1', 'a', { clean: false }));
    assert.equal((await back.next('connack')).sessionPresent, false);
  });

  it('settles a message whose listener throws, and serves on', async () => {
    broker.link.onMessage(() => {
      throw new Error('a bug');
    });
    const client = await session('mcu-1', 'c', { version: 5 });
    client.send(publish(telemetry));
    assert.equal((await client.next('puback')).reasonCode, 0x83);
    assert.ok(broker.log.some((line) => line.includes('a bug')));
  });

  it('closes every connection and its port, whatever is still waiting, and publishes no will for it', async () => {
    const held = hold();
    const silent = rawClient(broker.port);
    raws.push(silent);
    await connect('mcu-2', {
      will: {
        topic: 'llm-iot/devices/mcu-2/status',
        payload: Buffer.from('x'),
        qos: 1,
        retain: false,
      },
    });
    const client = await session('mcu-1', 'c', { version: 5 });
    client.send(publish(telemetry));
    await until('the message', () => held.length === 1);
    await broker.link.close();
    await until('all are closed', () => client.closed && silent.closed);
    held[0]!.settle();
    assert.equal(held.length, 1);
    assert.equal(broker.link.stats().clients, 0);
    const late = rawClient(broker.port);
    await until('nobody listens', () => late.closed);
  });

  it('lets nobody in whose key ends while the connection is made', async () => {
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    let stands = false;
    const link = await createEmbeddedBroker({
      host: '127.0.0.1',
      port: 0,
      authenticate: principalOf,
      stands: () => stands,
      clock: systemClock,
      ownerOf,
      log,
    });
    await assert.rejects(connectAs('mcu-1', link.url), /Not authorized|Bad User Name/);
    stands = true;
    await (await connectAs('mcu-1', link.url)).endAsync();
    await link.close();
  });

  it('says that its port is taken', async () => {
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await assert.rejects(
      createEmbeddedBroker({
        host: '127.0.0.1',
        port: broker.port,
        authenticate: () => Promise.resolve(undefined),
        clock: systemClock,
        ownerOf,
        log,
      }),
      /cannot listen for MQTT on 127\.0\.0\.1:\d+: another program uses this port/,
    );
  });
});
