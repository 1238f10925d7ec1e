import assert from 'node:assert/strict';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { until } from '../support/until.ts';
import { rawClient, type RawClient } from '../support/raw-mqtt.ts';
import { connectAs, onRecord, startSite, type Site } from './site.ts';

const notAuthorized = 0x87;

describe('attacks over MQTT on a running hub', function () {
  this.timeout(30_000);
  let site: Site;
  let unique = 0;

  before(async () => {
    site = await startSite();
  });
  after(() => site.end());
  afterEach(async () => {
    await site.assertAlive();
    await site.assertUntouched();
  });

  const topic = (branch: string): string => `llm-iot/devices/${site.victim.id}/${branch}`;
  const attackerConnect = (version: 4 | 5, more: object = {}): Packet => ({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clientId: `attacker-${unique++}`,
    clean: true,
    keepalive: 0,
    username: site.attacker.id,
    password: Buffer.from(site.attacker.key),
    ...more,
  });
  /** A connection with the attacker's own, valid key. */
  const enter = async (version: 4 | 5, more: object = {}): Promise<RawClient> => {
    const client = rawClient(site.hub.mqttPort, version);
    client.send(attackerConnect(version, more));
    const { returnCode, reasonCode } = await client.next('connack');
    assert.equal(returnCode ?? reasonCode, 0);
    return client;
  };
  const publish = (name: string, payload: string, messageId: number, more = {}): Packet => ({
    cmd: 'publish',
    topic: name,
    payload,
    qos: 1,
    messageId,
    retain: false,
    dup: false,
    ...more,
  });
  const heardOn = (name: string): string[] =>
    site.heard.filter((message) => message.topic === name).map(({ text }) => text);
  /** What the attacker sent before has been dealt with. */
  const settled = async (client: RawClient): Promise<void> => {
    client.send({ cmd: 'pingreq' });
    await client.next('pingresp');
  };

  const foreignTopics = (): string[] => [
    ...['telemetry', 'status', 'command/request', 'command/response'].map(topic),
    'llm-iot/discovery/query',
    `llm-iot/discovery/response/device-${site.victim.id}`,
    'llm-iot/alerts/error',
    `llm-iot/devices/${site.attacker.id}/../${site.victim.id}/telemetry`,
    `llm-iot//devices/${site.victim.id}/telemetry`,
    `/llm-iot/devices/${site.victim.id}/telemetry`,
    'elsewhere',
    '$SYS/broker/uptime',
  ];
  const forged = '{"measurement_type":"temperature","value":99,"status":"offline"}';

  for (const version of [4, 5] as const) {
    it(`foreign topics take nothing, neither now nor retained (MQTT ${version === 4 ? '3.1.1' : '5'})`, async () => {
      const client = await enter(version);
      let id = 1;
      for (const name of foreignTopics())
        for (const retain of [false, true]) {
          client.send(publish(name, forged, id++, { retain }));
          const { reasonCode = 0 } = await client.next('puback');
          if (version === 5) assert.equal(reasonCode, notAuthorized, name);
        }
      await settled(client);
      client.end();
      const late = await connectAs(site.hub, 'admin', site.hub.adminKey);
      const retained: string[] = [];
      late.on('message', (name, payload) => {
        if (payload.toString() === forged) retained.push(name);
      });
      await late.subscribeAsync('llm-iot/#');
      await late.publishAsync('llm-iot/test', 'x', { qos: 1 });
      await late.endAsync();
      assert.deepEqual(retained, []);
      assert.ok(!site.heard.some(({ text }) => text === forged));
      await onRecord(site.hub, 'the refused publication', {
        action: 'refusal',
        transport: 'mqtt',
        outcome: 'refused',
      });
    });
  }

  it('wildcards and shared subscriptions open no ear for others', async () => {
    const client = await enter(5);
    const filters = [
      ...['#', '+/#', '+/+/+/+', 'llm-iot/#', 'llm-iot/devices/#', 'llm-iot/devices/+/telemetry'],
      ...['$SYS/#', '$share/g/llm-iot/#', `$share/g/${topic('telemetry')}`, '$queue/#'],
      ...['llm-iot/discovery/response/+', 'llm-iot/discovery/#', 'llm-iot/alerts/#'],
      ...[topic('#'), topic('command/request'), `llm-iot/devices/+/command/request`],
    ];
    for (const [index, filter] of filters.entries()) {
      client.send({
        cmd: 'subscribe',
        messageId: index + 1,
        subscriptions: [{ topic: filter, qos: 1 }],
      });
      const { granted } = await client.next('suback');
      const [code] = granted as number[];
      assert.ok(code !== undefined && code >= 0x80, `${filter}: ${code}`);
    }
    await site.victim.publish('status', { status: 'online' });
    await until('the administrator hears it', () => heardOn(topic('status')).length > 0);
    await settled(client);
    assert.ok(!client.packets.some(({ cmd }) => cmd === 'publish'));
    client.end();
    await onRecord(site.hub, 'the refused subscription', {
      action: 'refusal',
      transport: 'mqtt',
    });
  });

  it('a will says nothing its client may not say', async () => {
    const before = heardOn(topic('status')).length;
    for (const version of [4, 5] as const)
      for (const name of [topic('status'), topic('command/request'), 'llm-iot/alerts/error']) {
        const will = {
          topic: name,
          payload: Buffer.from('{"status":"offline"}'),
          qos: 1,
          retain: true,
        };
        const client = await enter(version, { will });
        client.end();
      }
    const last = await enter(5);
    await settled(last);
    last.end();
    assert.equal(heardOn(topic('status')).length, before);
    assert.deepEqual(
      heardOn('llm-iot/alerts/error').filter((text) => text.includes('"offline"}')),
      [],
    );
  });

  it('a response topic has the hub answer nobody else', async () => {
    const client = await enter(5);
    const question = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'device.register',
      params: {},
    });
    client.send(
      publish('llm-iot/discovery/announce', question, 1, {
        properties: { responseTopic: topic('command/request') },
      }),
    );
    const { reasonCode } = await client.next('puback');
    assert.equal(reasonCode, notAuthorized);
    client.end();
    assert.deepEqual(heardOn(topic('command/request')), []);
  });

  it('a topic alias leads nowhere its topic does not', async () => {
    const own = `llm-iot/devices/${site.attacker.id}/status`;
    const alias = (name: string, messageId: number, topicAlias: number, payload = forged): Packet =>
      publish(name, payload, messageId, { properties: { topicAlias } });
    const attacks: ((client: RawClient) => void | Promise<void>)[] = [
      // Never defined.
      (client) => {
        client.send(alias('', 1, 7));
      },
      (client) => {
        client.send(publish('', forged, 1));
      },
      (client) => {
        client.send(alias(topic('status'), 1, 0));
      },
      (client) => {
        client.send(alias(own, 1, 65_535, '{}'));
      },
      // Its own topic first, then the same alias for another.
      async (client) => {
        client.send(alias(own, 1, 1, '{"status":"online"}'));
        await Promise.race([client.next('puback'), until('closed', () => client.closed)]);
        client.send(alias(topic('status'), 2, 1));
        client.send(alias('', 3, 1));
      },
    ];
    for (const attack of attacks) {
      const client = await enter(5);
      await Promise.resolve(attack(client)).catch(() => undefined);
      const honest = await enter(5);
      await settled(honest);
      honest.end();
      client.end();
    }
    assert.ok(
      !site.heard.some(({ topic: name, text }) => name === topic('status') && text === forged),
    );
  });

  it('nothing counts before CONNECT, and no second CONNECT after it', async () => {
    const first: Packet[] = [
      publish(topic('telemetry'), forged, 1),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] },
      { cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['#'] },
      { cmd: 'pingreq' },
      { cmd: 'disconnect' },
      { cmd: 'puback', messageId: 1 },
      { cmd: 'pubrel', messageId: 1 },
    ];
    for (const packet of first) {
      const client = rawClient(site.hub.mqttPort);
      client.send(packet);
      client.send(attackerConnect(4));
      await until(`closed after ${packet.cmd}`, () => client.closed);
      assert.deepEqual(client.packets, [], packet.cmd);
    }
    const twice = await enter(5);
    twice.send(attackerConnect(5, { username: 'admin' }));
    await until('closed', () => twice.closed);
    for (const protocolVersion of [0, 2, 6, 255]) {
      const client = rawClient(site.hub.mqttPort);
      // The generator refuses such versions.
      const bytes = mqttPacket.generate(attackerConnect(4));
      bytes[bytes.indexOf('MQTT') + 4] = protocolVersion;
      client.bytes(bytes);
      await until(`closed for version ${protocolVersion}`, () => client.closed);
      assert.ok(
        !client.packets.some((packet) => packet.cmd === 'connack' && packet.returnCode === 0),
      );
    }
  });

  it('names, keys and client ids of others let nobody in', async () => {
    const { victim, attacker, hub } = site;
    const attempts: [string, string, string][] = [
      [victim.id, attacker.key, 'a-1'],
      ['admin', attacker.key, 'a-2'],
      ['register', attacker.key, 'a-3'],
      [attacker.id, victim.id, 'a-4'],
      [attacker.key, attacker.id, 'a-5'],
      [attacker.id.toUpperCase(), attacker.key, 'a-6'],
      [`${attacker.id} `, attacker.key, 'a-7'],
      [victim.id, hub.registrationKey, 'a-8'],
      ['admin', hub.registrationKey, 'a-9'],
      ['', '', 'a-10'],
      // The client id of the victim's connection.
      [attacker.id, attacker.key, `device-${victim.id}`],
    ];
    for (const [username, password, clientId] of attempts)
      await assert.rejects(
        connectAs(hub, username, password, { clientId }),
        /Not authorized|Bad User Name|identifier|Client Identifier/i,
        `${username} ${clientId}`,
      );
    await onRecord(hub, 'the refused connection', {
      action: 'authentication',
      outcome: 'failed',
    });
  });

  it('a client id that is a wildcard hears no answers to others', async () => {
    const client = await enter(5, { clientId: '+' }).catch(() => undefined);
    if (!client) return;
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'llm-iot/discovery/response/+', qos: 0 }],
    });
    const { granted } = await client.next('suback');
    assert.ok((granted as number[]).every((code) => code >= 0x80));
    client.end();
  });

  it('a registration key cannot become a device that exists', async () => {
    const { hub, victim } = site;
    const client = await connectAs(hub, 'register', hub.registrationKey, { clientId: 'newcomer' });
    const answers: { error?: { code: number }; result?: unknown }[] = [];
    client.on('message', (_topic, payload) => answers.push(JSON.parse(payload.toString())));
    await client.subscribeAsync('llm-iot/discovery/response/newcomer');
    for (const claim of [
      { device_id: victim.id },
      { static_schema: { hardware_id: 'house-vault' } },
    ]) {
      const params = {
        device_type: 'mcu',
        name: 'me',
        static_schema: { manufacturer: 'a', model: 'b' },
        ...claim,
      };
      const before = answers.length;
      await client.publishAsync(
        'llm-iot/discovery/announce',
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'device.register', params }),
        { qos: 1 },
      );
      await until('the answer', () => answers.length > before);
      assert.equal(answers.at(-1)?.error?.code, -32005, JSON.stringify(answers.at(-1)));
    }
    await client.endAsync();
  });
});
