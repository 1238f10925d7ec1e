import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { ask, call, esp32, eventually, joinDevice, openSocket } from '../support/hub-client.ts';
import type { TestDevice } from '../support/hub-client.ts';
import { hubCli } from '../support/hub-cli.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

interface Event {
  seq: number;
  action: string;
  outcome: string;
  subject: string;
  count?: number;
  principal?: { id: string; role: string };
  device_id?: string;
  duration_ms?: number;
  code?: number;
  reason?: string;
  transport?: string;
  address?: string;
  details?: { arguments?: object; result?: object; command_id?: string };
}

describe('the record of a running hub', function () {
  this.timeout(30_000);
  let hub: RunningHub;
  let device: TestDevice;

  before(async () => {
    hub = await startHub();
    const commands = [
      {
        name: 'join',
        arguments: {
          type: 'object',
          properties: {
            level: { type: 'number' },
            pin_code: { type: 'string', 'x-sensitive': true },
          },
        },
      },
      { name: 'break' },
    ];
    device = await joinDevice(hub, esp32('recorded', { commands }));
    await device.onCommand(({ method }) =>
      method === 'join'
        ? { result: { joined: true, session_token: 'PLANTED-answer' } }
        : { error: { code: -32007, message: 'it is broken' } },
    );
  });
  after(async () => {
    await device.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const events = async (params: object): Promise<Event[]> =>
    ((await ask(hub, 'audit.query', params)) as { events: Event[] }).events;
  const newest = async (params: object): Promise<Event> => {
    const [event] = await events(params);
    assert.ok(event, `nothing on record: ${JSON.stringify(params)}`);
    return event;
  };

  it('has who came in, by which way and from where', async () => {
    const mqtt = await newest({
      action: 'authentication',
      outcome: 'ok',
      device_id: undefined,
      transport: 'mqtt',
    });
    assert.equal(mqtt.principal?.role, 'device');
    assert.match(mqtt.address ?? '', /127\.0\.0\.1$/);
    const socket = await openSocket(hub, hub.adminKey);
    await socket.close();
    const { principal } = await newest({ transport: 'websocket', outcome: 'ok' });
    assert.equal(principal?.id, 'admin');
    const before = (
      await events({ action: 'authentication', transport: 'http', principal_id: 'admin' })
    ).length;
    assert.equal(before, 1, 'over HTTP once');
  });

  it('has unknown keys and who shows nothing, and no key', async () => {
    const wrong = `llm_admin_${'w'.repeat(43)}`;
    assert.equal((await call(hub, 'device.list', {}, wrong)).error?.code, -32005);
    const failed = await newest({ action: 'authentication', outcome: 'failed', transport: 'http' });
    assert.match(failed.reason ?? '', /unknown, expired or revoked/);
    await assert.rejects(connectAsync(hub.mqttUrl, { reconnectPeriod: 0 }));
    const anonymous = await newest({
      action: 'authentication',
      outcome: 'failed',
      transport: 'mqtt',
    });
    assert.equal(anonymous.reason, 'nothing was shown');
    assert.ok(!JSON.stringify(await events({ limit: 1_000 })).includes(wrong));
  });

  it('has calls, publications and subscriptions that were refused', async () => {
    const { key, key_id: id } = await ask(hub, 'key.create', { role: 'llm_read' });
    assert.equal(
      (await call(hub, 'device.remove', { device_id: device.id }, key)).error?.code,
      -32005,
    );
    const refused = await newest({ action: 'refusal', principal_id: id });
    assert.deepEqual(
      [refused.subject, refused.device_id, refused.code, refused.transport],
      ['device.remove', device.id, -32005, 'http'],
    );
    const topic = 'llm-iot/devices/somebody-else/telemetry';
    await device.mqtt.publishAsync(topic, '{}', { qos: 1 }).catch(() => undefined);
    await device.mqtt.subscribeAsync('llm-iot/#').catch(() => undefined);
    const published = await eventually('the refused publication', () =>
      events({ subject: `publish ${topic}` }).then(([event]) => event),
    );
    assert.equal(published.transport, 'mqtt');
    assert.equal(published.principal?.role, 'device');
    assert.equal((await newest({ subject: 'subscribe llm-iot/#' })).outcome, 'refused');
    const made = await newest({ action: 'key', subject: 'key.create' });
    assert.equal(made.principal?.id, 'admin');
  });

  it('has commands with who, arguments, result and duration, and nothing secret', async () => {
    const args = { level: 3, pin_code: 'PLANTED-marked', wifi_password: 'PLANTED-named' };
    const { command_id } = await ask(hub, 'device.execute', {
      device_id: device.id,
      command: 'join',
      arguments: args,
    });
    const done = await newest({ action: 'command', device_id: device.id, subject: 'join' });
    assert.deepEqual([done.outcome, done.principal?.id], ['ok', 'admin']);
    assert.equal(done.details?.command_id, command_id);
    assert.deepEqual(done.details?.arguments, { level: 3, pin_code: '***', wifi_password: '***' });
    assert.deepEqual(done.details.result, { joined: true, session_token: '***' });
    assert.ok(Number.isInteger(done.duration_ms) && Number(done.duration_ms) >= 0);
    await call(hub, 'device.batch_execute', { device_ids: [device.id], command: 'break' });
    const broken = await newest({ action: 'command', subject: 'break' });
    assert.deepEqual([broken.outcome, broken.code], ['failed', -32007]);
    const { key } = await ask(hub, 'key.create', {
      role: 'llm_write',
      scope: { commands: ['join'] },
    });
    await call(hub, 'device.execute', { device_id: device.id, command: 'break' }, key);
    assert.equal((await newest({ action: 'command', subject: 'break' })).outcome, 'refused');
    const exported = await hubCli(hub.dataDir, 'audit', 'export');
    assert.ok(exported.includes(command_id) && !exported.includes('PLANTED'));
  });

  it('folds what is refused again and again', async () => {
    for (let i = 0; i < 20; i++) await call(hub, 'no.such.right', {}, 'wrong');
    const same = await events({ subject: 'no.such.right' });
    assert.equal(same.length, 1);
  });

  it('is for administrators alone, read strictly and in pages', async () => {
    for (const role of ['llm_read', 'llm_write', 'user_viewer', 'user_operator']) {
      const { key } = await ask(hub, 'key.create', { role });
      assert.equal((await call(hub, 'audit.query', {}, key)).error?.code, -32005, role);
    }
    assert.equal((await call(hub, 'audit.query', {}, device.key)).error?.code, -32005);
    for (const params of [
      { limit: 1001 },
      { since: 'x' },
      { action: 'x' },
      { cursor: '-' },
      { more: 1 },
    ])
      assert.equal(
        (await call(hub, 'audit.query', params)).error?.code,
        -32602,
        JSON.stringify(params),
      );
    const whole = await events({ limit: 1_000, until: new Date().toISOString() });
    const seqs: number[] = [];
    let cursor: string | undefined;
    do {
      const page = (await ask(hub, 'audit.query', { limit: 7, cursor })) as {
        events: Event[];
        cursor?: string;
      };
      seqs.push(...page.events.map(({ seq }) => seq));
      ({ cursor } = page);
    } while (cursor !== undefined);
    assert.ok(seqs.length >= whole.length);
    assert.deepEqual(
      seqs,
      Array.from(seqs, (_, i) => seqs.length - i),
    );
  });

  it('is verified while the hub runs, is in its backups, and goes on after a restart', async () => {
    const head = /head (\S+)/.exec(await hubCli(hub.dataDir, 'audit', 'verify'))?.[1] ?? '';
    const { folder, files } = await ask(hub, 'hub.backup');
    assert.ok(files.some(({ name }: { name: string }) => name === 'audit.db'));
    const copy = join(hub.dataDir, folder);
    assert.match(await hubCli(copy, 'audit', 'verify', '--expect', head), /^whole/);
    await rm(copy, { recursive: true });
    await hub.stop();
    hub = await startHub({ dataDir: hub.dataDir });
    const subjects = (await events({ action: 'system', limit: 2 })).map(({ subject }) => subject);
    assert.deepEqual(subjects, ['hub.start', 'hub.stop']);
    assert.match(await hubCli(hub.dataDir, 'audit', 'verify', '--expect', head), /^whole/);
  });
});
