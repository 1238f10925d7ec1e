import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { createExternalBroker } from '../../../nodes/adapters/mqtt/external-broker.ts';
import type { InboundMessage, MqttLink } from '../../../nodes/core/topic/ports.ts';
import { startMosquitto, type Mosquitto } from '../../support/mosquitto.ts';
import { until } from '../../support/until.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const telemetry = 'llm-iot/devices/mcu-1/telemetry';
const text = (message: InboundMessage): string => Buffer.from(message.payload).toString();

describe('link to an external MQTT broker', () => {
  let mosquitto: Mosquitto;
  let links: MqttLink[] = [];
  let clients: MqttClient[] = [];

  beforeEach(async function () {
    mosquitto = await startMosquitto(this);
  });
  afterEach(async () => {
    for (const client of clients) client.end(true);
    for (const link of links) await link.close();
    [links, clients] = [[], []];
    await mosquitto.stop();
  });

  const open = (url = mosquitto.url): MqttLink => {
    const link = createExternalBroker({ url, clientId: 'the-hub', log: silent });
    links.push(link);
    return link;
  };
  const state = (link: MqttLink): { connected: boolean; detail: string } => {
    let current = { connected: false, detail: '' };
    link.onState((next) => (current = next))();
    return current;
  };
  const connected = (link: MqttLink): Promise<unknown> =>
    until('the link is connected', () => state(link).connected, 8000);
  const device = async (): Promise<MqttClient> => {
    const client = await connectAsync(mosquitto.url, { reconnectPeriod: 0 }, false);
    clients.push(client);
    return client;
  };

  it('gets what was not settled again after the connection was lost', async () => {
    const before = open();
    await connected(before);
    const held: InboundMessage[] = [];
    before.onMessage((message) => void held.push(message));
    const client = await device();
    for (const name of ['a', 'b', 'c']) await client.publishAsync(telemetry, name, { qos: 1 });
    await until('all of them', () => held.length === 3);
    held[1]!.settle();
    // The acknowledgement is on its way once a later message of the same connection has come around.
    await client.publishAsync(telemetry, 'd', { qos: 1 });
    await until('the later one', () => held.length === 4);
    await before.close();
    held[0]!.settle();

    const after = open();
    const again: string[] = [];
    after.onMessage((message) => {
      again.push(text(message));
      message.settle();
    });
    await until('the others again', () => again.length === 3);
    assert.deepEqual(again.sort(), ['a', 'c', 'd']);
  });

  it('hears what was published while it was away', async () => {
    const before = open();
    await connected(before);
    await before.close();
    const client = await device();
    await client.publishAsync(telemetry, 'meanwhile', { qos: 1 });
    const after = open();
    const heard: string[] = [];
    after.onMessage((message) => {
      heard.push(text(message));
      message.settle();
    });
    await until('the message', () => heard.length === 1);
    assert.deepEqual(heard, ['meanwhile']);
  });

  it('asks for a message that was not stored again, by connecting anew', async function () {
    this.timeout(20_000);
    const link = open();
    await connected(link);
    const attempts: string[] = [];
    link.onMessage((message) => {
      attempts.push(text(message));
      message.settle(attempts.length === 1 ? new Error('the disk is full') : undefined);
    });
    await (await device()).publishAsync(telemetry, 'keep me', { qos: 1 });
    await until('the second attempt', () => attempts.length === 2, 15_000);
    assert.deepEqual(attempts, ['keep me', 'keep me']);
  });

  it('marks what the broker had retained', async () => {
    await (
      await device()
    ).publishAsync('llm-iot/devices/mcu-1/status', '{}', { qos: 1, retain: true });
    const link = open();
    const messages: InboundMessage[] = [];
    link.onMessage((message) => {
      messages.push(message);
      message.settle();
    });
    await until('the retained message', () => messages.length === 1);
    assert.equal(messages[0]!.retained, true);
    assert.equal(messages[0]!.principal, undefined);
  });

  it('reads on until its window is full, and then waits', async () => {
    const link = open();
    await connected(link);
    const held: InboundMessage[] = [];
    link.onMessage((message) => void held.push(message));
    const client = await device();
    const sent = Array.from({ length: 600 }, (_, i) =>
      client.publishAsync(telemetry, String(i), { qos: 0 }),
    );
    await Promise.all(sent);
    await until('the window is full', () => held.length === 512);
    for (const message of held.splice(0)) message.settle();
    await until('the rest', () => held.length === 88);
  });

  it('says that it is not connected, refuses to publish meanwhile, and comes back by itself', async function () {
    this.timeout(20_000);
    const link = open();
    const states: boolean[] = [];
    link.onState((next) => states.push(next.connected));
    await connected(link);
    await mosquitto.kill();
    await until('it noticed', () => !state(link).connected);
    await assert.rejects(link.publish('llm-iot/alerts/error', 'x', { qos: 1 }), /no connection/);
    await mosquitto.restart();
    await connected(link);
    await link.publish('llm-iot/alerts/error', 'x', { qos: 1 });
    assert.deepEqual(states.slice(0, 3), [false, true, false]);
    assert.equal(states.at(-1), true);
  });

  it('speaks MQTT 3.1.1 with a broker that refuses MQTT 5', async () => {
    const old = await startOldBroker(mosquitto.port);
    const link = open(`mqtt://127.0.0.1:${(old.address() as AddressInfo).port}`);
    const heard: string[] = [];
    link.onMessage((message) => {
      heard.push(text(message));
      message.settle();
    });
    await connected(link);
    await (await device()).publishAsync(telemetry, 'hello', { qos: 1 });
    await until('the message', () => heard.length === 1);
    await link.close();
    old.close();
  });
});

describe('link to an external MQTT broker with passwords', () => {
  it('says why the broker refuses it, and closes while trying', async function () {
    const mosquitto = await startMosquitto(this, { config: ['allow_anonymous false'] });
    const link = createExternalBroker({
      url: mosquitto.url,
      username: 'hub',
      password: 'wrong',
      clientId: 'the-hub',
      log: silent,
    });
    const details: string[] = [];
    link.onState(({ detail }) => details.push(detail));
    await until('the reason', () => details.some((detail) => /not authorized/i.test(detail)));
    assert.ok(!details.join().includes('wrong'));
    await link.close();
    await mosquitto.stop();
  });
});

/** Refuses MQTT 5 as old brokers do, and passes everything else on to a real one. */
async function startOldBroker(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      const version = first[first.indexOf('MQTT') + 4];
      if (version === 5) {
        socket.end(Buffer.from([0x20, 2, 0, 1]));
        return;
      }
      const upstream = connect(port, '127.0.0.1');
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.write(first);
      socket.pipe(upstream).pipe(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
