import assert from 'node:assert/strict';
import mqttPacket from 'mqtt-packet';
import { openMemoryQuota } from '../../../nodes/adapters/limits/memory-quota.ts';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import { createConnectionLimits } from '../../../nodes/core/security/connection-limits.ts';
import { createRefusals } from '../../../nodes/core/security/refusals.ts';
import { startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
import { connectPacket, rawClient, rawSession, type RawClient } from '../../support/raw-mqtt.ts';
import { until } from '../../support/until.ts';

const quotaExceeded = 0x97;

/** As many readings of a device, with the packet ids from 1 on, in one piece. */
const readings = (count: number, version: 4 | 5, branch = 'telemetry'): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      mqttPacket.generate(
        {
          cmd: 'publish',
          topic: `llm-iot/devices/mcu-1/${branch}`,
          payload: '{}',
          ...{ qos: 1, messageId: i + 1, dup: false, retain: false },
        },
        { protocolVersion: version },
      ),
    ),
  );

describe('MQTT clients that do too much', () => {
  let broker: TestBroker;
  let refused: Record<string, number | undefined> = {};
  const slowed: string[] = [];
  const open: RawClient[] = [];

  const start = async (limits: Partial<BrokerLimits> = {}, settings = {}): Promise<void> => {
    const refusals = createRefusals({ audit: { record: () => (refused = refusals.counts()) } });
    const connections = createConnectionLimits({
      settings: {
        ...{ connectionsPerPrincipal: 0, connectionsPerAddress: 0 },
        ...{ connectsPerMinute: 0, takeoversPerMinute: 0, ...settings },
      },
      openQuota: openMemoryQuota,
      refusals,
      isExempt: () => false,
    });
    const onSlowed = (id: string): void => void slowed.push(id);
    broker = await startTestBroker(limits, undefined, undefined, { connections, onSlowed });
  };
  const session = async (user: string, id: string, version: 4 | 5): Promise<RawClient> => {
    const client = await rawSession(broker.port, user, id, { version });
    open.push(client);
    return client;
  };
  /** The code of the CONNACK. */
  const answerTo = async (user: string, id: string, version: 4 | 5): Promise<number> => {
    const client = rawClient(broker.port, version);
    open.push(client);
    client.send(connectPacket(user, id, { version }));
    const { returnCode, reasonCode } = await client.next('connack');
    return (version === 5 ? reasonCode : returnCode) ?? -1;
  };
  const acknowledgements = ({ packets }: RawClient) =>
    packets.filter((packet) => packet.cmd === 'puback');

  afterEach(async () => {
    for (const client of open.splice(0)) client.end();
    slowed.length = 0;
    refused = {};
    await broker.link.close();
  });

  for (const branch of ['telemetry', 'status']) {
    it(`are told so over MQTT 5, message by message (${branch})`, async () => {
      await start({ maxMessagesPerSecond: 5 });
      let received = 0;
      broker.link.onMessage((message) => {
        received += 1;
        message.settle();
      });
      const client = await session('mcu-1', 'mcu-1', 5);
      client.bytes(readings(50, 5, branch));
      await until('all are answered', () => acknowledgements(client).length === 50);
      const codes = acknowledgements(client).map(({ reasonCode = 0 }) => reasonCode);
      const over = codes.filter((code) => code === quotaExceeded).length;
      // A second may have begun anew meanwhile.
      assert.ok(over >= 50 - 3 * 5 && over < 50, `${over} were refused`);
      assert.equal(received, 50 - over);
    });
  }

  it('are read no further over MQTT 3.1.1, and lose nothing', async () => {
    await start({ maxMessagesPerSecond: 200, maxUnreadBytes: 1_024 });
    const client = await session('mcu-1', 'mcu-1', 4);
    client.bytes(readings(500, 4));
    await until('all are answered', () => acknowledgements(client).length === 500, 10_000);
    assert.ok(slowed.length > 0, 'it was slowed');
    assert.ok(slowed.every((id) => id === 'key-mcu-1'));
    assert.deepEqual(
      acknowledgements(client).map(({ messageId }) => messageId),
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
  });

  it('are slowed by what they all send with one key, and nobody else with them', async () => {
    await start({ maxMessageBytesPerSecond: 200, maxUnreadBytes: 1_024 });
    const [one, two] = [await session('mcu-1', 'a', 4), await session('mcu-1', 'b', 4)];
    const other = await session('mcu-2', 'mcu-2', 4);
    for (const client of [one, two]) client.bytes(readings(150, 4));
    await until('they are slowed', () => slowed.length > 0);
    other.send({
      cmd: 'publish',
      topic: 'llm-iot/devices/mcu-2/telemetry',
      payload: '{}',
      ...{ qos: 1, messageId: 1, dup: false, retain: false },
    });
    await other.next('puback');
    assert.ok(acknowledgements(one).length + acknowledgements(two).length < 300);
  });

  it('are cut when they go on for long', async () => {
    await start({ maxMessagesPerSecond: 1, maxSlowedSeconds: 0, maxUnreadBytes: 1_024 });
    const client = await session('mcu-1', 'mcu-1', 5);
    client.bytes(readings(500, 5));
    assert.equal((await client.next('disconnect')).reasonCode, quotaExceeded);
    await until('it is closed', () => client.closed);
  });

  it('have so many connections with one key and no more', async () => {
    await start({}, { connectionsPerPrincipal: 2 });
    await session('mcu-1', 'a', 5);
    const second = await session('mcu-1', 'b', 4);
    assert.equal(await answerTo('mcu-1', 'c', 5), quotaExceeded);
    assert.equal(await answerTo('mcu-1', 'c', 4), 3);
    assert.equal(await answerTo('mcu-2', 'c', 5), 0);
    second.end();
    await until('there is room again', async () => (await answerTo('mcu-1', 'd', 5)) === 0);
  });

  it('have so many connections of one address and no more', async () => {
    await start({}, { connectionsPerAddress: 2 });
    await session('mcu-1', 'a', 5);
    await session('mcu-2', 'b', 5);
    assert.equal(await answerTo('admin', 'c', 5), quotaExceeded);
  });

  it('may make so many connections in a minute and no more', async () => {
    await start({}, { connectsPerMinute: 3 });
    for (let i = 0; i < 3; i++) assert.equal(await answerTo('mcu-1', `${i}`, 5), 0);
    assert.equal(await answerTo('mcu-1', 'd', 5), quotaExceeded);
    assert.equal(await answerTo('mcu-1', 'd', 4), 3);
    assert.equal(refused['connects_per_address'], 2);
  });

  it('fight for a client id a few times; then whoever holds it keeps it', async () => {
    await start({}, { takeoversPerMinute: 5, connectionsPerPrincipal: 1 });
    const fighters = [new Set<RawClient>(), new Set<RawClient>()];
    let last: RawClient | undefined;
    let refusals = 0;
    for (let turn = 0; turn < 20; turn++) {
      const client = rawClient(broker.port, 5);
      open.push(client);
      fighters[turn % 2]?.add(client);
      client.send(connectPacket('mcu-1', 'mcu-1', { version: 5 }));
      const { reasonCode } = await client.next('connack');
      if (reasonCode === 0) last = client;
      else {
        assert.equal(reasonCode, quotaExceeded);
        refusals += 1;
      }
    }
    assert.equal(refusals, 20 - 1 - 5);
    assert.equal(refused['takeovers'], refusals);
    assert.ok(last && !last.closed);
    last.bytes(readings(1, 5));
    await last.next('puback');
  });
});
