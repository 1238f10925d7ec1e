import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { IConnectPacket, IPublishPacket, ISubscription } from 'mqtt-packet';
import { heldThread, type HeldThread } from '../../support/held-thread.ts';
import { startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
import { connectPacket, rawClient, type RawClient } from '../../support/raw-mqtt.ts';
import { until } from '../../support/until.ts';

const notices = 'llm-iot/devices/mcu-1/notice';
const status = 'llm-iot/devices/mcu-1/status';
const alert = 'llm-iot/alerts/warning';

describe('what the embedded broker delivers while it writes to the disk', () => {
  let folder: string;
  let file: string;
  let broker: TestBroker;
  let thread: HeldThread;
  const open: RawClient[] = [];

  const request = (user: string, clientId: string, kept: boolean): IConnectPacket => ({
    ...(connectPacket(user, clientId, { version: 5, clean: !kept }) as IConnectPacket),
    ...(kept && { properties: { sessionExpiryInterval: 3600 } }),
  });
  const connect = async (user: string, clientId: string, kept = false): Promise<RawClient> => {
    const client = rawClient(broker.port, 5);
    open.push(client);
    client.send(request(user, clientId, kept));
    await client.next('connack');
    return client;
  };
  const subscribe = async (
    client: RawClient,
    subscription: ISubscription,
    subscriptionIdentifier?: number,
  ): Promise<void> => {
    client.send({
      ...{ cmd: 'subscribe', messageId: 1, subscriptions: [subscription] },
      ...(subscriptionIdentifier !== undefined && { properties: { subscriptionIdentifier } }),
    });
    await client.next('suback');
  };
  const publish = (topic: string, rest: Partial<IPublishPacket> = {}): IPublishPacket => ({
    ...{ cmd: 'publish', topic, payload: Buffer.from('x'), qos: 1, dup: false, retain: false },
    ...{ messageId: 7, ...rest },
  });
  const ping = async (client: RawClient): Promise<void> => {
    client.send({ cmd: 'pingreq' });
    await client.next('pingresp');
  };
  const rows = (table: string): number => {
    const db = new DatabaseSync(file, { readOnly: true });
    const count = db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count'];
    db.close();
    return Number(count);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mqtt-sessions-'));
    file = join(folder, 'mqtt.db');
    thread = heldThread();
    const { startThread } = thread;
    broker = await startTestBroker({}, { path: file, isCurrent: () => true, startThread });
  });
  afterEach(async () => {
    for (const client of open.splice(0)) client.end();
    await broker.link.close();
    await rm(folder, { recursive: true });
  });

  it('forwards a message that waited for the disk though a later one did not', async () => {
    const watcher = await connect('admin', 'w');
    await subscribe(watcher, { topic: 'llm-iot/#', qos: 1 });
    const [first, second] = [await connect('mcu-1', 'c'), await connect('mcu-2', 'd')];
    const unlock = thread.hold();
    first.send(publish(status, { retain: true, payload: 'kept' }));
    await ping(second);
    second.send(publish('llm-iot/devices/mcu-2/status', { payload: 'plain' }));
    const texts = [(await watcher.next('publish')).payload.toString()];
    unlock();
    texts.push((await watcher.next('publish')).payload.toString());
    assert.deepEqual(texts, ['plain', 'kept']);
  });

  it('keeps the order of what one client publishes, whether it waits for the disk or not', async () => {
    const watcher = await connect('admin', 'w');
    await subscribe(watcher, { topic: status, qos: 1 });
    const client = await connect('mcu-1', 'c');
    const texts: string[] = [];
    const wanted = Array.from({ length: 30 }, (_, n) => String(n));
    for (const n of wanted) {
      const retain = Number(n) % 3 === 0;
      client.send(publish(status, { retain, payload: n, messageId: Number(n) + 1 }));
    }
    while (texts.length < wanted.length) {
      texts.push((await watcher.next('publish')).payload.toString());
    }
    assert.deepEqual(texts, wanted);
  });

  it('sends nothing to a client before it is told that it is connected', async () => {
    const first = await connect('mcu-1', 'c', true);
    await subscribe(first, { topic: notices, qos: 1 });
    first.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    const unlock = thread.hold();
    const back = rawClient(broker.port, 5);
    open.push(back);
    const will = { topic: status, payload: Buffer.from('x'), qos: 1 as const, retain: false };
    back.send({ ...request('mcu-1', 'c', true), will });
    await until('it is let in', () => broker.link.stats().clients === 1);
    await broker.link.publish(notices, 'at once');
    const queued = broker.link.publish(notices, 'queued', { qos: 1 });
    await ping(await connect('mcu-2', 'd'));
    assert.deepEqual(back.packets, []);
    unlock();
    await queued;
    await back.next('publish');
    assert.deepEqual(
      back.packets.map(({ cmd }) => cmd),
      ['connack'],
    );
  });

  it('sends a message once to a client that comes back while it is on its way to the disk', async () => {
    const first = await connect('mcu-1', 'c', true);
    await subscribe(first, { topic: notices, qos: 2 });
    first.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    const admin = await connect('admin', 'a');
    for (const qos of [1, 2] as const) {
      const release = thread.hold();
      admin.send(publish(notices, { qos, payload: `QoS ${qos}` }));
      await ping(admin);
      const back = await connect('mcu-1', 'c', true);
      release();
      await admin.next(qos === 1 ? 'puback' : 'pubrec');
      const { payload, messageId = 0 } = await back.next('publish');
      assert.equal(payload.toString(), `QoS ${qos}`);
      await broker.link.publish(notices, 'last', { qos: 1 });
      const last = await back.next('publish');
      assert.equal(last.payload.toString(), 'last');
      back.send({ cmd: 'puback', messageId: last.messageId! });
      back.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId });
      if (qos === 2) {
        await back.next('pubrel');
        back.send({ cmd: 'pubcomp', messageId });
      }
      await until('nothing is left of it', () => rows('queued') + rows('in_flight') === 0);
      back.end();
      await until('it is gone', () => broker.link.stats().clients === 1);
    }
  });

  it('queues a message once for a client, with the identifiers of all its subscriptions', async () => {
    const first = await connect('admin', 'c', true);
    await subscribe(first, { topic: 'llm-iot/#', qos: 1 }, 1);
    await subscribe(first, { topic: alert, qos: 2 }, 2);
    await subscribe(first, { topic: 'llm-iot/alerts/+', qos: 0 }, 3);
    for (const when of ['connected', 'absent']) {
      if (when === 'absent') {
        first.end();
        await until('it is gone', () => broker.link.stats().clients === 0);
      }
      await broker.link.publish(alert, when, { qos: 2 });
      const client = when === 'absent' ? await connect('admin', 'c', true) : first;
      const packet = await client.next('publish');
      assert.equal(packet.payload.toString(), when);
      assert.equal(packet.qos, 2);
      assert.deepEqual([packet.properties?.subscriptionIdentifier].flat().sort(), [1, 2]);
      await ping(client);
      assert.deepEqual(client.packets, []);
      client.send({ cmd: 'pubrec', messageId: packet.messageId! });
      await client.next('pubrel');
      client.send({ cmd: 'pubcomp', messageId: packet.messageId! });
      await until('nothing is left of it', () => rows('queued') + rows('in_flight') === 0);
    }
  });

  it('ends what it forwarded as retained when that is acknowledged', async () => {
    const client = await connect('admin', 'c', true);
    await subscribe(client, { topic: alert, qos: 1, rap: true });
    await broker.link.publish(alert, 'x', { qos: 1, retain: true });
    const packet = await client.next('publish');
    assert.equal(packet.retain, true);
    client.send({ cmd: 'puback', messageId: packet.messageId! });
    await until('nothing is left of it', () => rows('queued') + rows('in_flight') === 0);
  });

  it('gives no packet id twice to messages that wait for their acknowledgement', async () => {
    const { random } = Math;
    // Each connection starts with the same packet id.
    Math.random = () => 0.0001;
    try {
      const ids: (number | undefined)[] = [];
      for (let n = 1; n <= 5; n++) {
        const client = await connect('mcu-1', 'c', true);
        if (n === 1) await subscribe(client, { topic: notices, qos: 1 });
        await broker.link.publish(notices, String(n), { qos: 1 });
        for (let seen = 0; seen < n; seen++) ids[seen] = (await client.next('publish')).messageId;
        client.end();
        await until('it is gone', () => broker.link.stats().clients === 0);
      }
      assert.equal(new Set(ids).size, 5, ids.join());
    } finally {
      Math.random = random;
    }
  });

  it('says of a message that it is sent again', async () => {
    const first = await connect('mcu-1', 'c', true);
    await subscribe(first, { topic: notices, qos: 1 });
    await broker.link.publish(notices, 'x', { qos: 1 });
    const sent = await first.next('publish');
    first.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    const again = await (await connect('mcu-1', 'c', true)).next('publish');
    assert.deepEqual([sent.dup, again.dup, again.messageId], [false, true, sent.messageId]);
  });
});
