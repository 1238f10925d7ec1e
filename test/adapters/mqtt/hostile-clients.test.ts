import assert from 'node:assert/strict';
import fc from 'fast-check';
import mqttPacket, { type IPublishPacket, type Packet } from 'mqtt-packet';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import { connectAs, received, startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
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

describe('hostile MQTT clients', () => {
  let broker: TestBroker;
  const open: RawClient[] = [];

  const start = async (limits: Partial<BrokerLimits> = {}): Promise<void> => {
    broker = await startTestBroker(limits);
  };
  const raw = (version: 4 | 5 = 4): RawClient => {
    const client = rawClient(broker.port, version);
    open.push(client);
    return client;
  };
  const session = async (
    ...args: Parameters<typeof rawSession> extends [number, ...infer R] ? R : never
  ) => {
    const client = await rawSession(broker.port, ...args);
    open.push(client);
    return client;
  };
  const stillServes = async (): Promise<void> => {
    const client = await connectAs('mcu-2', broker.link.url);
    await client.publishAsync('llm-iot/devices/mcu-2/status', '{}', { qos: 1 });
    client.end(true);
  };

  afterEach(async () => {
    for (const client of open.splice(0)) client.end();
    await broker.link.close();
  });

  for (const name of ['__proto__', 'toString', 'constructor', 'hasOwnProperty', 'valueOf']) {
    for (const version of [4, 5] as const) {
      it(`serves the client id ${name} like any other (MQTT ${version === 5 ? '5' : '3.1.1'})`, async () => {
        await start();
        const first = await session('mcu-1', name, { version, clean: false });
        first.send({
          cmd: 'subscribe',
          messageId: 1,
          subscriptions: [{ topic: `llm-iot/devices/mcu-1/${name}`, qos: 1 }],
        });
        assert.deepEqual((await first.next('suback')).granted, [1]);
        first.send(publish(telemetry));
        await first.next('puback');
        const second = await session('mcu-1', name, { version, clean: false });
        await until('the first is taken over', () => first.closed);
        second.send(publish(telemetry));
        await second.next('puback');
        await stillServes();
      });
    }
  }

  it('refuses topics and filters named __proto__ and keeps the client', async () => {
    await start();
    for (const version of [4, 5] as const) {
      const client = await session('admin', 'a', { version });
      client.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: ['__proto__', 'llm-iot/#', 'constructor'].map((topic) => ({
          topic,
          qos: 1,
        })),
      });
      const refused = version === 5 ? 0x87 : 0x80;
      assert.deepEqual((await client.next('suback')).granted, [refused, 1, refused]);
      for (const topic of ['__proto__', 'constructor', 'toString']) {
        client.send(publish(topic, { retain: true }));
        await client.next('puback');
      }
      client.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['__proto__', 'toString'] });
      await client.next('unsuback');
      client.end();
    }
    await stillServes();
  });

  it('gives an empty client id one of its own, and refuses it for a kept session in MQTT 3.1.1', async () => {
    await start();
    await session('mcu-1', '');
    const other = await session('mcu-1', '', { version: 5 });
    assert.equal(other.closed, false);
    const kept = raw();
    const user = [0, 5, ...Buffer.from('mcu-1')];
    kept.bytes(
      Buffer.from([0x10, 26, 0, 4, ...Buffer.from('MQTT'), 4, 0xc0, 0, 0, 0, 0, ...user, ...user]),
    );
    assert.equal((await kept.next('connack')).returnCode, 2);
  });

  it('refuses client ids that are too long, hold control characters or broken UTF-8', async () => {
    await start();
    for (const id of ['x'.repeat(10_000), 'a\u0000b', 'a\nb', '\u009f', '\ufffd']) {
      const old = raw();
      old.send(connectPacket('mcu-1', id));
      assert.equal((await old.next('connack')).returnCode, 2);
      const current = raw(5);
      current.send(connectPacket('mcu-1', id, { version: 5 }));
      assert.equal((await current.next('connack')).reasonCode, 0x85);
    }
    assert.equal(broker.link.stats().refused, 10);
    assert.ok(broker.log.every((line) => !/\p{Cc}/u.test(line) && line.length <= 600));
  });

  it('refuses anonymous clients, wrong keys and names of the prototype', async () => {
    await start();
    for (const [username, password] of [
      [undefined, undefined],
      ['mcu-1', undefined],
      ['mcu-1', 'wrong'],
      ['mcu-1', ''],
      ['__proto__', '__proto__'],
      ['toString', 'toString'],
    ] as const) {
      const client = raw();
      client.send({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId: 'c',
        clean: true,
        keepalive: 0,
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password: Buffer.from(password) }),
      });
      assert.equal((await client.next('connack')).returnCode, 4);
      await until('it is closed', () => client.closed);
    }
  });

  for (const when of ['before', 'after'] as const) {
    it(`cuts off a packet of 256 MB by its header alone, ${when} the connection is made`, async () => {
      await start();
      const client = when === 'before' ? raw() : await session('mcu-1', 'c');
      client.bytes(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
      client.bytes(Buffer.alloc(100));
      await until('it is closed', () => client.closed);
      await stillServes();
    });
  }

  it('tells an MQTT 5 client that its packet is too large, and takes one just below the limit', async () => {
    await start({ maxPacketBytes: 10_000 });
    const client = await session('mcu-1', 'c', { version: 5 });
    client.send(publish(telemetry, { payload: Buffer.alloc(9_900) }));
    await client.next('puback');
    client.send(publish(telemetry, { payload: Buffer.alloc(10_000) }));
    assert.equal((await client.next('disconnect')).reasonCode, 0x95);
  });

  it('closes a connection that sends no CONNECT in time, and one that only drips it', async () => {
    await start({ connectTimeoutMs: 100 });
    const silent = raw();
    const dripping = raw();
    dripping.bytes(Buffer.from([0x10]));
    await until('both are closed', () => silent.closed && dripping.closed);
  });

  it('refuses connections beyond its limit and serves the ones it has', async () => {
    await start({ maxConnections: 2 });
    const first = await session('mcu-1', 'c1');
    const second = await session('mcu-1', 'c2');
    const third = raw();
    await until('the third is closed', () => third.closed);
    for (const client of [first, second]) {
      client.send(publish(telemetry));
      await client.next('puback');
    }
    first.end();
    await until('its place is free', () => broker.link.stats().clients === 1);
    await session('mcu-1', 'c3');
  });

  it('drops a client whose keep-alive ran out, and publishes its will', async () => {
    await start();
    const wills: string[] = [];
    broker.link.onMessage((message) => {
      if (message.will) wills.push(message.topic);
      message.settle();
    });
    const client = raw();
    client.send({
      ...connectPacket('mcu-1', 'c', { keepalive: 1 }),
      will: {
        topic: 'llm-iot/devices/mcu-1/status',
        payload: Buffer.from('{}'),
        qos: 1,
        retain: false,
      },
    } as Packet);
    await until('it is closed', () => client.closed);
    await until('its will', () => wills.length === 1);
  });

  it('survives garbage, in place of a CONNECT and after one', async () => {
    await start();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.constantFrom(4, 5),
        async (bytes, version) => {
          const stranger = raw();
          stranger.bytes(bytes);
          const known = await session('mcu-1', 'c', { version: version });
          known.bytes(bytes);
          known.bytes(bytes);
          known.socket.end();
          stranger.socket.end();
          await until('both are closed', () => known.closed && stranger.closed);
        },
      ),
      { numRuns: 60 },
    );
    await stillServes();
  });

  it('survives packets with one byte changed', async () => {
    await start();
    const properties = {
      responseTopic: 'llm-iot/devices/mcu-1/r',
      correlationData: Buffer.from('c'),
      userProperties: { a: ['b', 'c'] },
      contentType: 'json',
      messageExpiryInterval: 5,
    };
    const frames = [
      publish(telemetry, { qos: 2, properties }),
      {
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic: 'llm-iot/devices/mcu-1/#', qos: 1 }],
        properties: { subscriptionIdentifier: 3 },
      },
      { cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['llm-iot/devices/mcu-1/#'] },
      { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 9 } },
      {
        ...connectPacket('mcu-1', 'c', { version: 5 }),
        will: { topic: telemetry, payload: Buffer.from('w'), qos: 2, retain: true, properties },
      },
    ].map((packet) => mqttPacket.generate(packet as Packet, { protocolVersion: 5 }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...frames),
        fc.nat(),
        fc.nat(255),
        async (frame, at, value) => {
          const bytes = Uint8Array.from(frame);
          bytes[at % bytes.length] = value;
          const client = bytes[0] === 0x10 ? raw(5) : await session('mcu-1', 'c', { version: 5 });
          client.bytes(bytes);
          client.socket.end();
          await until('it is closed', () => client.closed);
        },
      ),
      { numRuns: 150 },
    );
    await stillServes();
  });

  it('does not let a property that was sent twice end the subscribers', async () => {
    await start();
    const watcher = await connectAs('admin', broker.link.url);
    const packets = received(watcher);
    await watcher.subscribeAsync('llm-iot/#', { qos: 1 });
    const client = await session('mcu-1', 'c', { version: 5 });
    const frame = mqttPacket.generate(publish(telemetry, { properties: { contentType: 'a' } }), {
      protocolVersion: 5,
    });
    const property = Buffer.from([3, 0, 1, 0x61]);
    const at = frame.indexOf(property);
    const twice = Buffer.concat([frame.subarray(0, at), property, frame.subarray(at)]);
    twice[1] = twice[1]! + property.length;
    twice[at - 1] = property.length * 2;
    client.bytes(twice);
    await client.next('puback');
    await until('the message', () => packets.length === 1);
    assert.equal(watcher.connected, true);
    watcher.end(true);
  });

  it('refuses topics with ill-formed UTF-8, zero characters, great length or depth, and keeps the client', async () => {
    await start();
    for (const version of [4, 5] as const) {
      const client = await session('mcu-1', 'c', { version });
      for (const topic of [
        'llm-iot/devices/\ufffd/telemetry',
        'llm-iot/devices/mcu-1\u0000/telemetry',
        `llm-iot/devices/${'x'.repeat(60_000)}/telemetry`,
        `${'llm-iot/'.repeat(500)}x`,
      ]) {
        client.send(publish(topic));
        const { reasonCode } = await client.next('puback');
        assert.equal(reasonCode, version === 5 ? 0x87 : undefined);
      }
      client.send({
        cmd: 'subscribe',
        messageId: 9,
        subscriptions: [{ topic: 'a/'.repeat(200), qos: 0 }],
      });
      assert.deepEqual((await client.next('suback')).granted, [version === 5 ? 0x87 : 0x80]);
      client.send(publish(telemetry));
      assert.ok(!(await client.next('puback')).reasonCode);
      client.end();
    }
  });

  it('lets nobody but its holder take a client id over, connected or by a kept session', async () => {
    await start();
    const holder = await session('mcu-1', 'shared', { clean: false });
    const refuses = async (user: string): Promise<void> => {
      const thief = raw();
      thief.send(connectPacket(user, 'shared', { clean: false }));
      assert.equal((await thief.next('connack')).returnCode, 2);
    };
    await refuses('mcu-2');
    await refuses('register');
    holder.send(publish(telemetry));
    await holder.next('puback');
    holder.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    await refuses('mcu-2');
    await session('mcu-1', 'shared', { clean: true });
  });

  it('gives a device the client id that is its device id, whoever sits on it', async () => {
    await start();
    const squatter = await session('mcu-2', 'mcu-1', { clean: false });
    await session('mcu-1', 'mcu-1');
    await until('the squatter is closed', () => squatter.closed);
  });

  it('keeps no session for a registration key, and only so many for a device', async () => {
    await start({ maxSessionsPerPrincipal: 2 });
    for (const [user, ids, kept] of [
      ['register', ['r1'], 0],
      ['mcu-1', ['d1', 'd2', 'd3', 'd4'], 2],
    ] as const) {
      for (const clientId of ids) {
        const client = await session(user, clientId, { clean: false });
        client.send({
          cmd: 'subscribe',
          messageId: 1,
          subscriptions: [{ topic: 'llm-iot/discovery/query', qos: 1 }],
        });
        await client.next('suback');
        client.end();
        await until('it is gone', () => broker.link.stats().clients === 0);
      }
      let present = 0;
      for (const clientId of ids) {
        const client = raw();
        client.send(connectPacket(user, clientId, { clean: false }));
        if ((await client.next('connack')).sessionPresent) present++;
        client.end();
      }
      assert.equal(present, kept);
    }
  });

  it('keeps a bounded queue for an absent client', async () => {
    await start({ maxQueuedMessages: 3 });
    const away = await session('mcu-1', 'c', { clean: false });
    away.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'llm-iot/discovery/query', qos: 1 }],
    });
    await away.next('suback');
    away.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    for (let i = 0; i < 10; i++)
      await broker.link.publish('llm-iot/discovery/query', String(i), { qos: 1 });
    const back = await session('mcu-1', 'c', { clean: false });
    for (const expected of ['0', '1', '2']) {
      const packet = await back.next('publish');
      assert.equal(packet.payload.toString(), expected);
      back.send({ cmd: 'puback', messageId: packet.messageId! });
    }
    back.send({ cmd: 'pingreq' });
    await back.next('pingresp');
    await broker.link.publish('llm-iot/discovery/query', 'new', { qos: 1 });
    assert.equal((await back.next('publish')).payload.toString(), 'new');
  });

  it('still serves a connected client that acknowledges nothing', async () => {
    await start({ maxQueuedMessages: 3 });
    const client = await session('mcu-1', 'c', { clean: false });
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'llm-iot/discovery/query', qos: 1 }],
    });
    await client.next('suback');
    for (let i = 0; i < 10; i++) {
      await broker.link.publish('llm-iot/discovery/query', String(i), { qos: 1 });
      assert.equal((await client.next('publish')).payload.toString(), String(i));
    }
    client.send({ cmd: 'pubrec', messageId: 9999 });
    client.send({ cmd: 'puback', messageId: 9998 });
    client.send({ cmd: 'pubrel', messageId: 9997 });
    await client.next('pubcomp');
    assert.equal(client.closed, false);
  });

  it('does not keep a refused filter in a session', async () => {
    await start();
    const client = await session('mcu-1', 'c', { clean: false });
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'llm-iot/discovery/query', qos: 1 },
        { topic: 'llm-iot/#', qos: 1 },
      ],
    });
    assert.deepEqual((await client.next('suback')).granted, [1, 0x80]);
    client.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    await broker.link.publish('llm-iot/devices/mcu-2/command/request', 'secret', { qos: 1 });
    await broker.link.publish('llm-iot/discovery/query', 'public', { qos: 1 });
    const back = await session('mcu-1', 'c', { clean: false });
    assert.equal((await back.next('publish')).payload.toString(), 'public');
  });

  it('bounds the subscriptions of a client', async () => {
    await start({ maxSubscriptions: 3 });
    const client = await session('mcu-1', 'c');
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [1, 2, 3, 4, 5].map((n) => ({
        topic: `llm-iot/devices/mcu-1/${n}`,
        qos: 0 as const,
      })),
    });
    assert.deepEqual((await client.next('suback')).granted, [0, 0, 0, 0x80, 0x80]);
    client.send({
      cmd: 'subscribe',
      messageId: 2,
      subscriptions: [{ topic: 'llm-iot/devices/mcu-1/6', qos: 0 }],
    });
    assert.deepEqual((await client.next('suback')).granted, [0x80]);
  });

  it('serves the others while one subscriber does not read, and cuts that one off', async () => {
    await start({ drainTimeoutMs: 200 });
    const frozen = await session('admin', 'frozen');
    frozen.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'llm-iot/#', qos: 0 }],
    });
    await frozen.next('suback');
    frozen.socket.pause();
    const watcher = await connectAs('admin', broker.link.url, { clientId: 'watcher' });
    const packets = received(watcher);
    await watcher.subscribeAsync('llm-iot/#', { qos: 0 });
    const device = await connectAs('mcu-1', broker.link.url);
    const payload = Buffer.alloc(100_000);
    for (let i = 0; i < 200; i++) await device.publishAsync(telemetry, payload, { qos: 1 });
    await until('the other has them all', () => packets.length === 200);
    await until('the frozen one is cut off', () => broker.link.stats().clients === 2);
    device.end(true);
    watcher.end(true);
  });
});
