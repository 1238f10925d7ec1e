import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { IConnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import { heldThread, type HeldThread } from '../../support/held-thread.ts';
import { startTestBroker, type TestBroker } from '../../support/mqtt-hub.ts';
import { connectPacket, rawClient, type RawClient } from '../../support/raw-mqtt.ts';
import { runTool } from '../../support/run-tool.ts';
import { until } from '../../support/until.ts';

const notices = 'llm-iot/devices/mcu-1/notice';
const status = 'llm-iot/devices/mcu-1/status';
const telemetry = 'llm-iot/devices/mcu-1/telemetry';

describe('what the embedded broker keeps on disk', function () {
  this.timeout(30_000);
  let folder: string;
  let file: string;
  let broker: TestBroker;
  let thread: HeldThread;
  let commits: number[];
  const open: RawClient[] = [];

  const start = async (limits: Partial<BrokerLimits> = {}): Promise<void> => {
    commits = [];
    thread = heldThread();
    broker = await startTestBroker(limits, {
      path: file,
      startThread: thread.startThread,
      isCurrent: () => true,
      onCommit: (changes) => commits.push(changes),
    });
  };
  const restart = async (limits: Partial<BrokerLimits> = {}): Promise<void> => {
    for (const client of open.splice(0)) client.end();
    await broker.link.close();
    await start(limits);
  };
  const connect = async (
    user: string,
    clientId: string,
    options: { version?: 4 | 5; kept?: boolean; will?: IConnectPacket['will'] } = {},
  ): Promise<RawClient> => {
    const { version = 5, kept = false, will } = options;
    const client = rawClient(broker.port, version);
    open.push(client);
    client.send({
      ...(connectPacket(user, clientId, { version, clean: !kept }) as IConnectPacket),
      ...(kept && version === 5 && { properties: { sessionExpiryInterval: 3600 } }),
      ...(will && { will }),
    });
    const { returnCode, reasonCode } = await client.next('connack');
    assert.equal(returnCode ?? reasonCode, 0);
    return client;
  };
  const subscribe = async (client: RawClient, filter: string, qos: 0 | 1 | 2): Promise<void> => {
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] });
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
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mqtt-sessions-'));
    file = join(folder, 'mqtt.db');
  });
  afterEach(async () => {
    for (const client of open.splice(0)) client.end();
    await broker.link.close();
    await rm(folder, { recursive: true });
  });

  for (const version of [4, 5] as const) {
    const protocol = version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';

    it(`acknowledges nothing before it is on disk (${protocol})`, async () => {
      await start();
      const sleeper = await connect('mcu-1', 'sleeper', { version, kept: true });
      await subscribe(sleeper, notices, 1);
      sleeper.end();
      const device = await connect('mcu-1', 'device', { version, kept: true });
      const admin = await connect('admin', 'admin', { version });
      const other = await connect('mcu-2', 'other', { version });
      device.send(publish(telemetry, { qos: 2, messageId: 1 }));
      await device.next('pubrec');
      const filter = { topic: status, qos: 1 as const };
      const cases: [RawClient, Packet, Packet['cmd']][] = [
        [device, publish(status, { retain: true }), 'puback'],
        [device, publish(telemetry, { qos: 2, messageId: 2 }), 'pubrec'],
        [device, { cmd: 'pubrel', messageId: 1 }, 'pubcomp'],
        [device, { cmd: 'subscribe', messageId: 3, subscriptions: [filter] }, 'suback'],
        [device, { cmd: 'unsubscribe', messageId: 4, unsubscriptions: [status] }, 'unsuback'],
        [admin, publish(notices), 'puback'],
        [admin, publish(notices, { qos: 2, messageId: 8 }), 'pubrec'],
      ];
      for (const [client, packet, answer] of cases) {
        const unlock = thread.hold();
        client.send(packet);
        await ping(other);
        await ping(other);
        const isAnswered = client.packets.some(({ cmd }) => cmd === answer);
        assert.equal(isAnswered, false, `${answer} waits`);
        unlock();
        await client.next(answer);
      }
    });

    it(`does not touch the disk for clean sessions and for telemetry nobody subscribed to (${protocol})`, async () => {
      await start();
      const kept = await connect('mcu-1', 'kept', { version, kept: true });
      await subscribe(kept, notices, 1);
      const before = commits.length;
      const device = await connect('mcu-1', 'device', { version });
      await subscribe(device, notices, 1);
      for (const qos of [1, 2] as const) {
        device.send(publish(telemetry, { qos, messageId: qos }));
        await device.next(qos === 1 ? 'puback' : 'pubrec');
        device.send(publish(status, { qos, messageId: qos + 2 }));
        await device.next(qos === 1 ? 'puback' : 'pubrec');
      }
      kept.send(publish(telemetry));
      await kept.next('puback');
      device.end();
      await until('it is gone', () => broker.link.stats().clients === 1);
      assert.equal(commits.length, before);
    });
  }

  it('passes the suite of aedes for what it leaves to its persistence, in memory and on disk', async function () {
    this.timeout(120_000);
    await start();
    const suite = join(import.meta.dirname, '../../support/aedes-persistence-suite.ts');
    for (const args of [[], [folder]]) {
      const report = await runTool(process.execPath, [
        '--test-reporter=tap',
        suite,
        ...args,
      ]).done();
      const count = (what: string): number =>
        Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(report)?.[1]);
      assert.deepEqual([count('fail'), count('cancelled'), count('skipped')], [0, 0, 1], report);
      assert.equal(count('pass'), count('tests') - 1);
      assert.ok(count('tests') > 40);
    }
  });

  it('tells who sends what cannot be written, goes on, and forgets nothing it acknowledged', async () => {
    const limits = { maxSessionFileBytes: 160 * 1024, redeliveryDelayMs: 60_000 };
    await start(limits);
    const current = await connect('mcu-1', 'c');
    const old = await connect('mcu-2', 'd', { version: 4 });
    const payload = Buffer.alloc(10_000, 'a');
    const topicOf = (n: number): string => `llm-iot/alerts/${n}`;
    const admin = await connect('admin', 'e');
    const kept: number[] = [];
    let refused = 0;
    for (let n = 0; n < 30; n++) {
      admin.send(publish(topicOf(n), { payload, retain: true, messageId: n + 1 }));
      const { reasonCode } = await admin.next('puback');
      if (reasonCode === 0x83) refused++;
      else kept.push(n);
    }
    assert.ok(kept.length > 5 && refused > 5, `${kept.length} kept, ${refused} refused`);
    old.send(publish('llm-iot/devices/mcu-2/status', { payload, retain: true }));
    await until('the log says so', () => broker.log.some((line) => line.includes('disk')));
    current.send(publish(telemetry, { messageId: 9 }));
    await current.next('puback');
    await ping(old);
    assert.deepEqual(old.packets, []);
    for (const n of kept.splice(0, 5)) {
      admin.send(publish(topicOf(n), { payload: Buffer.alloc(0), retain: true }));
      await admin.next('puback');
    }
    await until('there is room again', async () => {
      admin.send(publish(topicOf(99), { retain: true }));
      return (await admin.next('puback')).reasonCode !== 0x83;
    });
    await restart(limits);
    const reader = await connect('admin', 'f');
    await subscribe(reader, 'llm-iot/alerts/#', 1);
    const topics = new Set<string>();
    await until('all are there', () => {
      for (const packet of reader.packets) if (packet.cmd === 'publish') topics.add(packet.topic);
      return kept.every((n) => topics.has(topicOf(n)));
    });
  });

  it('drops damaged rows, says so, and keeps the others', async () => {
    await start();
    const first = await connect('mcu-1', 'c', { kept: true });
    await subscribe(first, notices, 1);
    first.send({
      cmd: 'subscribe',
      messageId: 2,
      subscriptions: [{ topic: 'llm-iot/devices/mcu-1/other', qos: 1 }],
    });
    await first.next('suback');
    await connect('mcu-2', 'd', { kept: true });
    await broker.link.publish('llm-iot/alerts/warning', 'beware', { qos: 1, retain: true });
    await broker.link.close();
    const db = new DatabaseSync(file);
    db.exec(`UPDATE subscriptions SET options = '{' WHERE filter LIKE '%other'`);
    db.exec(`UPDATE sessions SET principal = 'nobody' WHERE client_id = 'd'`);
    db.exec(`UPDATE retained SET properties = 'none'`);
    db.close();
    await start();
    assert.ok(broker.log.some((line) => line.includes('3 damaged rows')));
    await broker.link.publish(notices, 'do it', { qos: 1 });
    const back = await connect('mcu-1', 'c', { kept: true });
    assert.equal((await back.next('publish')).payload.toString(), 'do it');
    await restart();
    assert.deepEqual(broker.log, []);
  });

  for (const [damage, spoil] of [
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['overwritten in the middle', (bytes: Buffer) => bytes.fill(0x5a, 4096, 4096 * 6)],
    ['full of zeros', (bytes: Buffer) => bytes.fill(0)],
  ] as const) {
    it(`puts a file aside that is ${damage}, says so, and goes on with a new one`, async () => {
      await start();
      const client = await connect('mcu-1', 'c', { kept: true });
      await subscribe(client, notices, 1);
      await broker.link.publish('llm-iot/alerts/warning', 'beware', { qos: 1, retain: true });
      await broker.link.close();
      await writeFile(file, spoil(await readFile(file)));
      await start();
      const told = broker.log.find((line) => line.includes('was damaged'));
      const [, aside = ''] = /damaged and is (\S+) now/.exec(told ?? '') ?? [];
      await access(aside);
      const back = await connect('mcu-1', 'c', { kept: true });
      await subscribe(back, notices, 1);
      await restart();
      assert.deepEqual(broker.log, []);
      await broker.link.publish(notices, 'do it', { qos: 1 });
      const last = await connect('mcu-1', 'c', { kept: true });
      assert.equal((await last.next('publish')).payload.toString(), 'do it');
    });
  }

  for (const [what, spoil] of [
    ['its thread ended', () => thread.crash()],
    ['its file was damaged meanwhile', () => damageOpenFile(file)],
  ] as const) {
    it(`writes all it keeps anew when ${what}`, async () => {
      await start();
      const will = { topic: status, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
      const sleeper = await connect('mcu-1', 'c', { kept: true });
      await subscribe(sleeper, notices, 2);
      sleeper.end();
      const device = await connect('mcu-1', 'd', { kept: true, will });
      device.send(publish(status, { qos: 2, messageId: 3 }));
      await device.next('pubrec');
      await broker.link.publish(notices, 'do it', { qos: 2 });
      await broker.link.publish('llm-iot/alerts/warning', 'beware', { qos: 1, retain: true });
      const tables = ['sessions', 'subscriptions', 'queued', 'received', 'retained', 'wills'];
      const counts = (): unknown[] => {
        const db = new DatabaseSync(file, { readOnly: true });
        const found = tables.map((table) => db.prepare(`SELECT count(*) FROM ${table}`).get());
        db.close();
        return found;
      };
      const before = counts();
      await spoil();
      await until('it is written again', async () => {
        const written = broker.link.publish('llm-iot/alerts/warning', 'new', {
          qos: 1,
          retain: true,
        });
        return written.then(
          () => true,
          () => false,
        );
      });
      assert.ok(broker.log.some((line) => line.includes('written anew')));
      assert.deepEqual(counts(), before);
      const back = await connect('mcu-1', 'c', { kept: true });
      assert.equal((await back.next('publish')).payload.toString(), 'do it');
    });
  }

  it('leaves a file alone that is not its own', async () => {
    await writeFile(file, 'dear diary, '.repeat(100));
    await assert.rejects(start(), /mqtt\.db is not an SQLite database/);
    assert.match(await readFile(file, 'utf8'), /^dear diary/);
    await rm(file);
    await start();
  });

  it('ends the sessions of a revoked key on disk as well', async () => {
    await start();
    const will = { topic: status, payload: Buffer.from('x'), qos: 1 as const, retain: false };
    const absent = await connect('mcu-1', 'absent', { kept: true });
    await subscribe(absent, notices, 1);
    absent.end();
    await connect('mcu-1', 'present', { kept: true, will });
    await broker.link.publish(notices, 'secret', { qos: 1 });
    broker.link.disconnect('key-mcu-1');
    assert.deepEqual(broker.link.stats().dropped, { session_ended: 1 });
    await until('they are gone', () => broker.link.stats().clients === 0);
    await broker.link.close();
    const db = new DatabaseSync(file, { readOnly: true });
    for (const table of ['sessions', 'subscriptions', 'queued', 'wills']) {
      assert.deepEqual(db.prepare(`SELECT * FROM ${table}`).all(), [], table);
    }
    db.close();
    await start();
  });

  it('lets a session expire whose connection ended before it was made', async () => {
    await start();
    const unlock = thread.hold();
    const client = rawClient(broker.port, 5);
    open.push(client);
    client.send({
      ...(connectPacket('mcu-1', 'c', { version: 5, clean: false }) as IConnectPacket),
      properties: { sessionExpiryInterval: 3600 },
      will: { topic: status, payload: Buffer.from('x'), qos: 1, retain: false },
    });
    await until('it is let in', () => broker.link.stats().clients === 1);
    client.end();
    await until('it is gone', () => broker.link.stats().clients === 0);
    unlock();
    await broker.link.close();
    const db = new DatabaseSync(file, { readOnly: true });
    const [session] = db.prepare('SELECT offline_since FROM sessions').all();
    assert.ok(Number(session?.['offline_since']) > 0);
    db.close();
    await start();
  });
});

/** Overwrites a database that somebody has open, so that it is read again. */
function damageOpenFile(file: string): Promise<void> {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.exec(`INSERT INTO run VALUES ('test', 1)`);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  const pages = openSync(file, 'r+');
  writeSync(pages, Buffer.alloc(4096 * 20, 0x5a), 0, undefined, 4096);
  closeSync(pages);
  return Promise.resolve();
}
