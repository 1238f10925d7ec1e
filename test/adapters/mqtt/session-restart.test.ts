import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  connect as mqttConnect,
  type IClientOptions,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import {
  startBrokerProcess,
  type BrokerProcess,
  type BrokerRun,
} from '../../support/mqtt-broker-process.ts';
import { connectAs, received } from '../../support/mqtt-hub.ts';
import { connectPacket, rawClient, type RawClient } from '../../support/raw-mqtt.ts';
import { until } from '../../support/until.ts';

const notices = 'llm-iot/devices/mcu-1/notice';
const status = 'llm-iot/devices/mcu-1/status';
const alert = 'llm-iot/alerts/warning';
const hour = 3600;

describe('MQTT sessions over kill -9', function () {
  this.timeout(60_000);
  let folder: string;
  let broker: BrokerProcess;
  const clients: MqttClient[] = [];
  const raws: RawClient[] = [];

  const start = async (run: Partial<BrokerRun> = {}): Promise<void> => {
    const limits: Partial<BrokerLimits> = { willGraceMs: 50, ...run.limits };
    broker = await startBrokerProcess({ file: join(folder, 'mqtt.db'), ...run, limits });
  };
  const restart = async (run: Partial<BrokerRun> = {}): Promise<void> => {
    await broker.kill();
    for (const client of clients.splice(0)) client.end(true);
    await start(run);
  };
  const connect = async (user: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const client = await connectAs(user, broker.url, options);
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  /** Connects with a session that is kept. */
  const resume = (user: string, clientId: string, options: IClientOptions = {}) =>
    connect(user, {
      clientId,
      clean: false,
      ...(options.protocolVersion !== 4 && { properties: { sessionExpiryInterval: hour } }),
      ...options,
    });
  /** Comes back to a session; what it receives from the first moment on. */
  const listen = async (user: string, clientId: string, options: IClientOptions = {}) => {
    const client = mqttConnect(broker.url, {
      ...{ username: user, password: user, clientId, clean: false, reconnectPeriod: 0 },
      ...{ protocolVersion: 5, ...options, properties: { sessionExpiryInterval: hour } },
    });
    clients.push(client);
    const packets = received(client);
    await until('it is connected', () => client.connected);
    return packets;
  };
  /** Makes a session with a subscription, and leaves it. */
  const leaveSession = async (
    user: string,
    clientId: string,
    filter: string,
    qos: 1 | 2 = 2,
    options: IClientOptions = {},
  ): Promise<void> => {
    const client = await resume(user, clientId, options);
    await client.subscribeAsync(filter, { qos });
    client.stream.destroy();
  };
  /** Lets time pass while nothing runs. */
  const letPass = (seconds: number): void => {
    const db = new DatabaseSync(join(folder, 'mqtt.db'));
    const ms = seconds * 1000;
    for (const table of ['queued', 'retained']) {
      db.exec(`UPDATE ${table} SET expires_at = expires_at - ${ms}`);
    }
    db.exec(`UPDATE queued SET queued_at = queued_at - ${ms}`);
    db.exec(`UPDATE sessions SET offline_since = offline_since - ${ms}`);
    db.exec(`UPDATE run SET value = value - ${ms}`);
    db.close();
  };
  /** How many rows a table has on disk. */
  const rows = (table: string): number => {
    const db = new DatabaseSync(join(folder, 'mqtt.db'), { readOnly: true });
    const count = db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count'];
    db.close();
    return Number(count);
  };
  /** A CONNECT that asks for a session that is kept. */
  const kept = (user: string, clientId: string, version: 4 | 5): Packet => {
    const packet = connectPacket(user, clientId, { version, clean: false }) as IConnectPacket;
    return version === 4 ? packet : { ...packet, properties: { sessionExpiryInterval: hour } };
  };
  const texts = (packets: IPublishPacket[]): string[] =>
    packets.map(({ payload }) => payload.toString());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mqtt-sessions-'));
  });
  afterEach(async () => {
    for (const client of raws.splice(0)) client.end();
    for (const client of clients.splice(0)) client.end(true);
    await broker.kill();
    await rm(folder, { recursive: true, force: true });
  });

  for (const protocolVersion of [4, 5] as const) {
    describe(protocolVersion === 5 ? 'MQTT 5' : 'MQTT 3.1.1', () => {
      for (const qos of [1, 2] as const) {
        it(`keeps a retained message that was acknowledged, and its end (QoS ${qos})`, async () => {
          await start();
          const device = await connect('mcu-1', { protocolVersion });
          await device.publishAsync(status, 'up', { qos, retain: true });
          await restart();
          const admin = await connect('admin', { protocolVersion });
          const seen = received(admin);
          await admin.subscribeAsync(status, { qos: 1 });
          const packet = await until('the retained message', () => seen[0]);
          assert.equal(packet.payload.toString(), 'up');
          assert.equal(packet.retain, true);

          const again = await connect('mcu-1', { protocolVersion });
          await again.publishAsync(status, '', { qos, retain: true });
          await restart();
          const late = await connect('admin', { protocolVersion });
          const nothing = received(late);
          await late.subscribeAsync('llm-iot/#', { qos: 1 });
          await late.publishAsync(alert, 'last', { qos: 1 });
          await until('the last message', () => nothing.length > 0);
          assert.deepEqual(texts(nothing), ['last']);
        });

        it(`delivers what was queued for an absent client, once and in order (QoS ${qos})`, async () => {
          await start();
          await leaveSession('mcu-1', 'c', notices, qos, { protocolVersion });
          const admin = await connect('admin', { protocolVersion });
          for (let i = 0; i < 20; i++) await admin.publishAsync(notices, String(i), { qos });
          await restart();
          const back = rawClient(broker.port, protocolVersion);
          raws.push(back);
          back.send(kept('mcu-1', 'c', protocolVersion));
          for (let i = 0; i < 20; i++) {
            const packet = await back.next('publish');
            assert.equal(packet.payload.toString(), String(i));
            assert.equal(packet.qos, qos);
            const { messageId = 0 } = packet;
            if (qos === 1) back.send({ cmd: 'puback', messageId });
            else {
              back.send({ cmd: 'pubrec', messageId });
              await back.next('pubrel');
              back.send({ cmd: 'pubcomp', messageId });
            }
          }
          back.send({ cmd: 'pingreq' });
          await back.next('pingresp');
          await until('the queue is empty on disk', () => rows('queued') + rows('in_flight') === 0);
          back.end();
          await restart();
          const seen = await listen('mcu-1', 'c', { protocolVersion });
          const other = await connect('admin', { protocolVersion });
          await other.publishAsync(notices, 'new', { qos });
          await until('the new message', () => seen.length > 0);
          assert.deepEqual(texts(seen), ['new']);
        });
      }

      it('tells a client that its session is there, even without a subscription', async () => {
        await start();
        await resume('mcu-1', 'c', { protocolVersion });
        for (const wanted of [true, true]) {
          await until('the session is on disk', () => rows('sessions') === 1);
          await restart();
          const client = rawClient(broker.port, protocolVersion);
          raws.push(client);
          client.send(kept('mcu-1', 'c', protocolVersion));
          assert.equal((await client.next('connack')).sessionPresent, wanted);
          client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] });
          await client.next('suback');
        }
      });

      it('goes on with a QoS 2 delivery where it was', async () => {
        await start();
        await leaveSession('mcu-1', 'c', notices, 2, { protocolVersion });
        const admin = await connect('admin', { protocolVersion });
        for (const text of ['released', 'sent', 'waiting']) {
          await admin.publishAsync(notices, text, { qos: 2 });
        }
        const first = rawClient(broker.port, protocolVersion);
        raws.push(first);
        first.send(kept('mcu-1', 'c', protocolVersion));
        await first.next('connack');
        const packets = [await first.next('publish'), await first.next('publish')];
        const ids = packets.map(({ messageId = 0 }) => messageId);
        first.send({ cmd: 'pubrec', messageId: ids[0]! });
        await first.next('pubrel');
        first.end();
        await restart();

        const back = rawClient(broker.port, protocolVersion);
        raws.push(back);
        back.send(kept('mcu-1', 'c', protocolVersion));
        await back.next('connack');
        assert.equal((await back.next('pubrel')).messageId, ids[0]);
        const again = await back.next('publish');
        assert.deepEqual(
          [again.messageId, again.payload.toString(), again.dup],
          [ids[1], 'sent', true],
        );
        assert.equal((await back.next('publish')).payload.toString(), 'waiting');
      });

      it('takes a QoS 2 message of a client once, and its packet id again after its end', async () => {
        await start();
        const publish = (text: string, dup: boolean): Packet => ({
          ...{ cmd: 'publish', topic: status, payload: text, qos: 2, messageId: 7, dup },
          retain: false,
        });
        const open = async (): Promise<RawClient> => {
          const client = rawClient(broker.port, protocolVersion);
          raws.push(client);
          client.send(kept('mcu-1', 'c', protocolVersion));
          await client.next('connack');
          return client;
        };
        const first = await open();
        first.send(publish('one', false));
        await first.next('pubrec');
        assert.equal(broker.messages.length, 1);
        await restart();
        const second = await open();
        second.send(publish('one', true));
        await second.next('pubrec');
        second.send({ cmd: 'pubrel', messageId: 7 });
        await second.next('pubcomp');
        assert.deepEqual(broker.messages, []);
        await restart();
        const third = await open();
        third.send(publish('two', false));
        await third.next('pubrec');
        assert.deepEqual(
          broker.messages.map(({ payload }) => payload),
          ['two'],
        );
      });

      it('publishes the will of a client that was connected, as far as it may, and of none that had left', async () => {
        await start();
        const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: true };
        await connect('mcu-1', { protocolVersion, will });
        const polite = await connect('mcu-2', {
          protocolVersion,
          will: { ...will, topic: 'llm-iot/devices/mcu-2/status' },
        });
        await polite.endAsync();
        await connect('mcu-2', { protocolVersion, will });
        await restart();
        const message = await until('the will', () => broker.messages[0]);
        assert.deepEqual([message.topic, message.payload, message.will], [status, 'gone', true]);
        const admin = await connect('admin', { protocolVersion });
        const seen = received(admin);
        await until('it is retained', async () => {
          await admin.unsubscribeAsync(status);
          await admin.subscribeAsync(status, { qos: 1 });
          return seen.length > 0;
        });
        await until('no will is left on disk', () => rows('wills') === 0);
        assert.equal(broker.messages.length, 1);
        assert.equal((await broker.stats()).refused, 1);
        await restart();
        const late = await connect('admin', { protocolVersion });
        await late.publishAsync(alert, 'last', { qos: 1 });
        await until('the last message', () => broker.messages.length > 0);
        assert.deepEqual(
          broker.messages.map(({ topic }) => topic),
          [alert],
        );
      });

      it('lets nobody else take a session over, and nobody at all after its key is gone', async () => {
        await start();
        await leaveSession('mcu-1', 'c', notices, 1, { protocolVersion });
        const admin = await connect('admin', { protocolVersion });
        await admin.publishAsync(notices, 'secret', { qos: 1 });
        await restart();
        const stranger = rawClient(broker.port, protocolVersion);
        raws.push(stranger);
        stranger.send(kept('mcu-2', 'c', protocolVersion));
        const { returnCode, reasonCode } = await stranger.next('connack');
        assert.equal(
          protocolVersion === 5 ? reasonCode : returnCode,
          protocolVersion === 5 ? 0x85 : 2,
        );
        await restart({ gone: ['key-mcu-1'] });
        assert.equal((await broker.stats()).dropped['session_ended'], 1);
        const next = rawClient(broker.port, protocolVersion);
        raws.push(next);
        next.send(kept('mcu-2', 'c', protocolVersion));
        assert.equal((await next.next('connack')).sessionPresent, false);
        await until('nothing is left', () => rows('subscriptions') + rows('queued') === 0);
      });
    });
  }

  it('keeps the properties of MQTT 5 with what is retained and queued', async () => {
    await start();
    await leaveSession('admin', 'c', alert, 1);
    const lasting = {
      contentType: 'text/plain',
      payloadFormatIndicator: true,
      responseTopic: 'llm-iot/discovery/response/x',
      correlationData: Buffer.from([0, 255, 7]),
      userProperties: { one: 'a', many: ['b', 'c'] },
    };
    const properties = { messageExpiryInterval: hour, ...lasting };
    const admin = await connect('admin');
    await admin.publishAsync(alert, 'beware', { qos: 1, retain: true, properties });
    await broker.kill();
    letPass(600);
    await start();
    const fresh = await connect('admin');
    const seen = [await listen('admin', 'c'), received(fresh)];
    await fresh.subscribeAsync(alert, { qos: 1 });
    for (const packets of seen) {
      const packet = await until('the message', () => packets[0]);
      const { messageExpiryInterval = 0, ...others } = packet.properties ?? {};
      assert.ok(messageExpiryInterval > 0 && messageExpiryInterval <= hour - 600);
      assert.deepEqual({ ...others, userProperties: { ...others.userProperties } }, lasting);
    }
  });

  it('keeps the options of a subscription: identifier, no local, retain as published', async () => {
    await start();
    const first = await resume('admin', 'c');
    await first.subscribeAsync('llm-iot/alerts/#', {
      ...{ qos: 1, nl: true, rap: true, rh: 2 },
      properties: { subscriptionIdentifier: 42 },
    });
    await restart();
    const back = await resume('admin', 'c');
    const seen = received(back);
    await back.publishAsync(alert, 'from itself', { qos: 1, retain: true });
    const other = await connect('admin');
    await other.publishAsync(alert, 'live', { qos: 1, retain: true });
    await until('the live message', () => seen.length > 0);
    back.stream.destroy();
    await until('it is gone', async () => (await broker.stats()).clients === 1);
    await other.publishAsync(alert, 'queued', { qos: 1, retain: true });
    await restart();
    const queued = await listen('admin', 'c');
    seen.push(await until('the queued message', () => queued[0]));
    assert.deepEqual(
      seen.map(({ payload, retain, properties }) => [
        ...[payload.toString(), retain],
        properties?.subscriptionIdentifier,
      ]),
      [
        ['live', true, 42],
        ['queued', true, 42],
      ],
    );
  });

  it('drops messages and retained messages that expired while nothing ran', async () => {
    await start();
    await leaveSession('mcu-1', 'c', 'llm-iot/devices/mcu-1/#', 1, {
      properties: { sessionExpiryInterval: 10 * hour },
    });
    const admin = await connect('admin');
    const properties = { messageExpiryInterval: hour };
    await admin.publishAsync(notices, 'short', { qos: 1, properties });
    await admin.publishAsync(notices, 'long', { qos: 1 });
    await admin.publishAsync(status, 'short', { qos: 1, retain: true, properties });
    await broker.kill();
    letPass(hour);
    await start();
    const seen = await listen('mcu-1', 'c');
    await until('the message', () => seen.length > 0);
    const fresh = await connect('mcu-1');
    const retained = received(fresh);
    await fresh.subscribeAsync(status, { qos: 1 });
    await fresh.publishAsync(status, 'live', { qos: 1 });
    await until('the live message', () => retained.length > 0 && seen.length > 1);
    assert.deepEqual([texts(seen), texts(retained)], [['long', 'live'], ['live']]);
    assert.equal((await broker.stats()).dropped['expired'], 2);
  });

  it('ends sessions that expired while nothing ran, whether they were connected or not', async () => {
    await start();
    await leaveSession('mcu-1', 'left', notices, 1);
    const connected = await resume('mcu-1', 'connected');
    await connected.subscribeAsync(notices, { qos: 1 });
    const longer = { properties: { sessionExpiryInterval: 10 * hour } };
    await leaveSession('mcu-1', 'longer', notices, 1, longer);
    await until('two are gone', async () => (await broker.stats()).clients === 1);
    await broker.kill();
    letPass(hour + 120);
    await start();
    for (const [clientId, wanted] of [
      ['left', false],
      ['connected', false],
      ['longer', true],
    ] as const) {
      const client = rawClient(broker.port, 5);
      raws.push(client);
      client.send(kept('mcu-1', clientId, 5));
      assert.equal((await client.next('connack')).sessionPresent, wanted, clientId);
    }
  });

  it('holds a will back for its delay, and publishes none for a client whose session goes on', async () => {
    await start();
    const will = (topic: string) => ({
      ...{ topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false },
      properties: { willDelayInterval: 600 },
    });
    const first = await resume('mcu-1', 'c', { will: will(status) });
    await first.subscribeAsync(notices, { qos: 1 });
    await resume('mcu-2', 'd', { will: will('llm-iot/devices/mcu-2/status') });
    await restart();
    await resume('mcu-1', 'c');
    await until('its will is cancelled', () => rows('wills') === 1);
    await broker.kill();
    letPass(700);
    await start();
    const message = await until('the other will', () => broker.messages[0]);
    assert.equal(message.topic, 'llm-iot/devices/mcu-2/status');
    assert.equal(broker.messages.length, 1);
  });

  it('publishes a will that is due before anything the client says when it comes back', async () => {
    await start();
    const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: true };
    await connect('mcu-1', { clientId: 'c', will });
    await restart({ limits: { willGraceMs: 60_000 } });
    const back = await connect('mcu-1', { clientId: 'c' });
    await back.publishAsync(status, 'back', { qos: 1 });
    assert.deepEqual(texts(broker.messages as never), ['gone', 'back']);
  });

  it('keeps the will of a connection that replaced another one', async () => {
    await start();
    const will = { topic: status, payload: Buffer.from('first'), qos: 1 as const, retain: false };
    await connect('mcu-1', { clientId: 'c', will });
    await connect('mcu-1', { clientId: 'c', will: { ...will, payload: Buffer.from('second') } });
    await until('the first is gone', async () => (await broker.stats()).clients === 1);
    await until('its will came', () => broker.messages.length === 1);
    await restart();
    const message = await until('the will', () => broker.messages[0]);
    assert.equal(message.payload, 'second');
  });

  it('publishes no will for a key that is gone', async () => {
    await start();
    const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
    await connect('mcu-1', { will });
    await restart({ gone: ['key-mcu-1'] });
    await until('nothing is left', () => rows('wills') === 0);
    assert.deepEqual(broker.messages, []);
  });

  it('keeps sessions over an ordinary stop too, and publishes no will for it', async () => {
    await start();
    const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
    const client = await resume('mcu-1', 'c', { will });
    await client.subscribeAsync(notices, { qos: 1 });
    await broker.stop();
    await start();
    const admin = await connect('admin');
    await admin.publishAsync(notices, 'do it', { qos: 1 });
    const seen = await listen('mcu-1', 'c');
    const packet = await until('the notice', () => seen[0]);
    assert.equal(packet.payload.toString(), 'do it');
    assert.deepEqual(
      broker.messages.map(({ will: is }) => is),
      [false],
    );
  });
});
