import assert from 'node:assert/strict';
import type { IConnectPacket, IPublishPacket } from 'mqtt-packet';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import { startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
import { connectPacket, rawClient, type RawClient } from '../../support/raw-mqtt.ts';
import { until } from '../../support/until.ts';

const notices = 'llm-iot/devices/mcu-1/notice';
const status = 'llm-iot/devices/mcu-1/status';
const alert = 'llm-iot/alerts/warning';

describe('the bounds of what the embedded broker keeps', () => {
  let broker: TestBroker;
  const open: RawClient[] = [];

  const start = async (limits: Partial<BrokerLimits> = {}): Promise<void> => {
    broker = await startTestBroker(limits);
  };
  const connect = async (
    user: string,
    clientId: string,
    options: { version?: 4 | 5; kept?: boolean } = {},
  ): Promise<RawClient> => {
    const { version = 5, kept = false } = options;
    const client = rawClient(broker.port, version);
    open.push(client);
    client.send({
      ...(connectPacket(user, clientId, { version, clean: !kept }) as IConnectPacket),
      ...(kept && version === 5 && { properties: { sessionExpiryInterval: 3600 } }),
    });
    await client.next('connack');
    return client;
  };
  const subscribe = async (
    client: RawClient,
    filter: string,
    options: { qos: 0 | 1 | 2; rap?: boolean; nl?: boolean },
    subscriptionIdentifier?: number,
  ): Promise<void> => {
    client.send({
      ...{ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, ...options }] },
      ...(subscriptionIdentifier !== undefined && { properties: { subscriptionIdentifier } }),
    });
    await client.next('suback');
  };
  const leave = async (client: RawClient): Promise<void> => {
    const { clients } = broker.link.stats();
    client.end();
    await until('it is gone', () => broker.link.stats().clients < clients);
  };
  const publish = (topic: string, rest: Partial<IPublishPacket> = {}): IPublishPacket => ({
    ...{ cmd: 'publish', topic, payload: Buffer.from('x'), qos: 1, dup: false, retain: false },
    ...{ messageId: 7, ...rest },
  });
  /** So many messages, and those that come until a PINGREQ is answered then. */
  const take = async (client: RawClient, count: number): Promise<IPublishPacket[]> => {
    const messages = (): IPublishPacket[] =>
      client.packets.filter((packet) => packet.cmd === 'publish');
    await until('the messages', () => messages().length >= count);
    client.send({ cmd: 'pingreq' });
    await client.next('pingresp');
    return messages();
  };

  afterEach(async () => {
    for (const client of open.splice(0)) client.end();
    await broker.link.close();
  });

  it('drops newer messages for an absent client beyond its messages and bytes, and counts them', async () => {
    await start({ maxQueuedMessages: 5, maxQueuedBytes: 8_000 });
    const sleeper = await connect('mcu-1', 'c', { kept: true });
    await subscribe(sleeper, notices, { qos: 1 });
    await leave(sleeper);
    for (const size of [4_000, 4_000, 1, 2, 3, 4, 5, 6]) {
      await broker.link.publish(notices, Buffer.alloc(size), { qos: 1 });
    }
    assert.deepEqual(broker.link.stats().dropped, { queue_bytes: 1, queue_full: 2 });
    const back = await connect('mcu-1', 'c', { kept: true });
    const sizes = (await take(back, 5)).map(({ payload }) => payload.length);
    assert.deepEqual(sizes, [4_000, 1, 2, 3, 4]);
  });

  it('bounds the bytes of all queues together, and makes room when a session ends', async () => {
    await start({ maxQueuedBytesInAll: 10_000 });
    const other = 'llm-iot/devices/mcu-2/notice';
    for (const [user, topic] of [
      ['mcu-1', notices],
      ['mcu-2', other],
    ] as const) {
      const sleeper = await connect(user, user, { kept: true });
      await subscribe(sleeper, topic, { qos: 1 });
      await leave(sleeper);
    }
    for (const topic of [notices, notices, other]) {
      await broker.link.publish(topic, Buffer.alloc(4_000), { qos: 1 });
    }
    assert.deepEqual(broker.link.stats().dropped, { queue_bytes: 1 });
    broker.link.disconnect('key-mcu-1');
    assert.deepEqual(broker.link.stats().dropped, { queue_bytes: 1, session_ended: 2 });
    await broker.link.publish(other, Buffer.alloc(4_000), { qos: 1 });
    const back = await connect('mcu-2', 'mcu-2', { kept: true });
    assert.equal((await take(back, 1)).length, 1);
  });

  it('drops messages that expired, and those that waited too long', async () => {
    for (const [limits, messageExpiry] of [
      [{}, 1],
      [{ maxQueuedSeconds: 1 }, undefined],
    ] as const) {
      await start(limits);
      const sleeper = await connect('mcu-1', 'c', { kept: true });
      await subscribe(sleeper, notices, { qos: 1 });
      await leave(sleeper);
      const options = messageExpiry === undefined ? {} : { messageExpiry };
      const before = Date.now();
      await broker.link.publish(notices, 'old', { qos: 1, ...options });
      await until('it has expired', () => Date.now() > before + 1_100);
      await broker.link.publish(notices, 'new', { qos: 1 });
      const back = await connect('mcu-1', 'c', { kept: true });
      const [packet] = await take(back, 1);
      assert.equal(packet?.payload.toString(), 'new');
      assert.deepEqual(broker.link.stats().dropped, { expired: 1 });
      await leave(back);
      if (messageExpiry !== undefined) await broker.link.close();
    }
  });

  it('refuses retained messages beyond the share of their publisher, and all of them beyond the limit of all', async () => {
    const retained = (topic: string, size: number): IPublishPacket =>
      publish(topic, { retain: true, payload: Buffer.alloc(size, 'a') });
    await start({
      maxRetainedMessagesPerPrincipal: 2,
      maxRetainedBytesPerPrincipal: 10_000,
      maxRetainedMessages: 4,
    });
    const admin = await connect('admin', 'a');
    const old = await connect('mcu-1', 'o', { version: 4 });
    const answers: (number | undefined)[] = [];
    for (const packet of [
      retained('llm-iot/1', 10),
      retained('llm-iot/2', 10),
      retained('llm-iot/3', 10),
      retained('llm-iot/2', 20_000),
      retained('llm-iot/2', 0),
      retained('llm-iot/3', 10),
    ]) {
      admin.send(packet);
      answers.push((await admin.next('puback')).reasonCode);
    }
    assert.deepEqual(answers, [0, 0, 0x97, 0x97, 0, 0]);
    await broker.link.publish('llm-iot/4', 'x', { retain: true });
    await broker.link.publish('llm-iot/5', 'x', { retain: true, qos: 1 });
    for (const qos of [0, 1] as const) {
      await assert.rejects(
        broker.link.publish('llm-iot/6', 'x', { retain: true, qos }),
        /retained/,
      );
    }
    // MQTT 3.1.1 has no word for it: the message is discarded.
    old.send(retained(status, 1));
    await old.next('puback');
    assert.equal(broker.link.stats().refused, 3);
    await subscribe(admin, 'llm-iot/#', { qos: 1 });
    const topics = (await take(admin, 4)).map(({ topic }) => topic).sort();
    assert.deepEqual(topics, ['llm-iot/1', 'llm-iot/3', 'llm-iot/4', 'llm-iot/5']);
  });

  it('counts what a slow or no longer entitled subscriber loses', async () => {
    await start({ maxBufferedBytes: 10_000 });
    const slow = await connect('admin', 'slow');
    await subscribe(slow, alert, { qos: 0 });
    slow.socket.pause();
    const payload = Buffer.alloc(200_000);
    await until('it is behind', async () => {
      await broker.link.publish(alert, payload);
      return (broker.link.stats().dropped['slow_subscriber'] ?? 0) > 2;
    });
    assert.deepEqual(Object.keys(broker.link.stats().dropped), ['slow_subscriber']);
  });

  it('keeps for a kept session what its client read too slowly for', async () => {
    await start({ maxBufferedBytes: 10_000, maxQueuedBytes: 100_000_000 });
    const slow = await connect('admin', 'slow', { kept: true });
    await subscribe(slow, alert, { qos: 1 });
    slow.socket.pause();
    let sent = 0;
    await until('it is cut off', async () => {
      await broker.link.publish(alert, Buffer.alloc(200_000, ++sent), { qos: 1 });
      return broker.link.stats().clients === 0;
    });
    slow.end();
    const back = await connect('admin', 'slow', { kept: true });
    const got = new Set<number>();
    await until('all of them', () => {
      for (const packet of back.packets.splice(0)) {
        if (packet.cmd === 'publish') got.add((packet.payload as Buffer)[0]!);
      }
      return got.size === sent;
    });
    assert.deepEqual(broker.link.stats().dropped, {});
  });

  it('ends sessions beyond the limit of all with their connection', async () => {
    await start({ maxSessions: 1 });
    const first = await connect('mcu-1', 'c1', { kept: true });
    await subscribe(first, notices, { qos: 1 });
    await leave(first);
    const second = await connect('mcu-2', 'c2', { kept: true });
    await leave(second);
    const again = rawClient(broker.port, 5);
    open.push(again);
    again.send(connectPacket('mcu-2', 'c2', { version: 5, clean: false }));
    assert.equal((await again.next('connack')).sessionPresent, false);
  });

  it('refuses QoS 2 messages of a client that never ends one, beyond a number', async () => {
    await start({ maxQueuedMessages: 3 });
    const client = await connect('mcu-1', 'c', { kept: true });
    const codes: (number | undefined)[] = [];
    for (let messageId = 1; messageId <= 4; messageId++) {
      client.send(publish(status, { qos: 2, messageId }));
      codes.push((await client.next('pubrec')).reasonCode);
    }
    assert.deepEqual(codes.map(Boolean), [false, false, false, true]);
    client.send({ cmd: 'pubrel', messageId: 1 });
    await client.next('pubcomp');
    client.send(publish(status, { qos: 2, messageId: 4 }));
    assert.ok(!(await client.next('pubrec')).reasonCode);
  });
});
