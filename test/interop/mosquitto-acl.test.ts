import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type ErrorWithReasonCode } from 'mqtt';
import { brokerAcl } from '../../nodes/core/security/broker-acl.ts';
import { maySubscribe } from '../../nodes/core/security/topic-acl.ts';
import { runHubCommand } from '../../nodes/runtime/cli/main.ts';
import { aclCases } from '../support/acl-cases.ts';
import { ask, joinDevice } from '../support/hub-client.ts';
import { startHub } from '../support/hub-process.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';

const notAuthorized = 0x87;

describe('the ACL file for Mosquitto', function () {
  this.timeout(60_000);
  const { users, topics, devices, ownerOf } = aclCases;

  it('lets a real Mosquitto allow and deliver what the hub itself would', async function () {
    const dir = await mkdtemp(join(tmpdir(), 'acl-'));
    const file = join(dir, 'acl');
    await writeFile(file, brokerAcl('mosquitto', { hubUser: 'admin', devices }), { mode: 0o600 });
    const broker = await startMosquitto(this, { config: [`acl_file ${file}`] });
    const connectAs = (username: string, clientId: string) =>
      connectAsync(broker.url, { username, clientId, protocolVersion: 5, reconnectPeriod: 0 });
    const clients = await Promise.all(
      Object.entries(users).map(async ([user, principal]) => {
        const clientId = `client-${user}`;
        const client = await connectAs(user, clientId);
        const heard = new Set<string>();
        let ended = false;
        client.on('message', (topic, payload) => {
          if (payload.toString() === 'from the hub') heard.add(topic);
          if (payload.toString() === 'the end') ended = true;
        });
        return { user, principal, clientId, client, heard, ended: () => ended };
      }),
    );
    try {
      for (const { user, client } of clients)
        for (const topic of topics) {
          const code = await client.publishAsync(topic, 'x', { qos: 1 }).then(
            () => 0,
            (error: unknown) => (error as ErrorWithReasonCode).code,
          );
          const expected = aclCases.mayPublish(user, topic) ? 0 : notAuthorized;
          assert.equal(code, expected, `${user} publishes to ${topic}`);
        }

      for (const { client } of clients) await client.subscribeAsync('#', { qos: 1 });
      const hub = await connectAs('admin', 'hub');
      for (const topic of topics.filter((name) => name.startsWith('llm-iot/')))
        await hub.publishAsync(topic, 'from the hub', { qos: 1 });
      // Everybody hears this one, and hears it last.
      await hub.publishAsync('llm-iot/discovery/query', 'the end', { qos: 1 });
      await until('all is delivered', () => clients.every(({ ended }) => ended()));
      await hub.endAsync(true);
      for (const { user, principal, clientId, heard } of clients)
        for (const topic of topics.filter((name) => name.startsWith('llm-iot/')))
          assert.equal(
            heard.has(topic),
            maySubscribe(principal, topic, clientId, ownerOf),
            `${user} hears ${topic}`,
          );
    } finally {
      for (const { client } of clients) await client.endAsync(true);
      await broker.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('is written by a command, from the devices of a hub that runs', async () => {
    const hub = await startHub();
    try {
      const device = await joinDevice(hub);
      const found = {
        mcu_id: device.id,
        static_schema: { manufacturer: 'Bosch', model: 'BMP580' },
      };
      const { sensor_id } = await ask(hub, 'sensor.discover', found, device.key);
      await device.end();
      const out = join(hub.dataDir, 'acl');
      const lines: string[] = [];
      const run = (...args: string[]) =>
        runHubCommand([...args, '--data-dir', hub.dataDir], (line) => lines.push(line));
      assert.equal(await run('acl', 'mosquitto', '--hub-user', 'the-hub', '--out', out), 0);
      const text = await readFile(out, 'utf8');
      assert.match(text, /^user the-hub\ntopic write llm-iot\/#\ntopic read llm-iot\/#$/m);
      const own = `user ${device.id}\ntopic write llm-iot/devices/${sensor_id}/telemetry\n`;
      assert.ok(text.includes(own), text);
      assert.match(text, /^pattern write llm-iot\/devices\/%u\/telemetry$/m);
      assert.equal(await run('acl', 'emqx'), 0);
      assert.match(lines.join('\n'), /^\{deny, all\}\.$/m);
      assert.equal(await run('acl', 'mosquitto', '--hub-user', 'a b'), 1);
      assert.match(lines.at(-1) ?? '', /cannot stand in an ACL file/);
    } finally {
      await hub.stop();
      await hub.cleanUp();
    }
  });

  it('says when there is no hub in the directory', async () => {
    const lines: string[] = [];
    const code = await runHubCommand(['acl', 'emqx', '--data-dir', '/nowhere'], (line) =>
      lines.push(line),
    );
    assert.equal(code, 1);
    assert.match(lines[0] ?? '', /there is no \/nowhere\/hub\.db/);
  });
});
