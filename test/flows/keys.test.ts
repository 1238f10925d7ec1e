import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import { ask, call, eventually, joinDevice, openSocket } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const unauthorized = -32005;
/** What a revoked key may still be let in for. */
const atOnceMs = 1_000;

describe('the keys of a running hub', function () {
  this.timeout(30_000);
  let hub: RunningHub;

  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  const refused = async (key: string, method = 'device.list') => {
    const { error } = await call(hub, method, {}, key);
    assert.equal(error?.code, unauthorized, JSON.stringify(error));
    return error;
  };
  const create = (role: string, more: object = {}) => ask(hub, 'key.create', { role, ...more });

  it('are shown once, with 256 bits behind a prefix, and listed without themselves', async () => {
    const made = await create('llm_read', {
      name: 'house assistant',
      scope: { read_window: '7d' },
    });
    assert.match(made.key, /^llm_read_[\w-]{43}$/);
    await ask(hub, 'device.list', {}, made.key);
    const { keys } = await ask(hub, 'key.list', { role: 'llm_read' });
    const listed = keys.find(({ key_id }: { key_id: string }) => key_id === made.key_id);
    assert.deepEqual(
      { ...listed, created_at: 0, last_used_at: 0 },
      {
        key_id: made.key_id,
        role: 'llm_read',
        name: 'house assistant',
        scope: { read_window: '7d' },
        created_at: 0,
        created_by: 'admin',
        last_used_at: 0,
      },
    );
    assert.ok(Math.abs(Date.parse(listed.last_used_at) - Date.now()) < 10_000);
    const everything = JSON.stringify(await ask(hub, 'key.list'));
    assert.doesNotMatch(everything, /hash|[\w-]{43}/);
    assert.ok(!everything.includes(hub.adminKey));
  });

  it('are for administrators to make, and strictly read', async () => {
    for (const role of ['llm_read', 'llm_write', 'user_viewer', 'user_operator']) {
      const { key } = await create(role);
      for (const method of ['key.create', 'key.list', 'key.rotate', 'key.revoke', 'key.lockdown'])
        await refused(key, method);
    }
    for (const params of [
      {},
      { role: 'root' },
      { role: 'device' },
      { role: 'device', device_id: 'none' },
      { role: 'llm_read', device_id: 'x' },
      { role: 'llm_read', registration: true },
      { role: 'llm_read', scope: { devices: [] } },
      { role: 'llm_read', expires_in: 0 },
      { role: 'llm_read', expires_at: '2001-01-01T00:00:00Z' },
      { role: 'llm_read', expires_in: 5, expires_at: '2099-01-01T00:00:00Z' },
      { role: 'llm_read', key: 'chosen-by-me' },
    ]) {
      const { error } = await call(hub, 'key.create', params);
      assert.ok([-32602, -32000].includes(error?.code ?? 0), JSON.stringify([params, error]));
    }
    const { error } = await call(hub, 'key.revoke', { key_id: 'nobody' });
    assert.equal(error?.code, -32602);
  });

  it('are let in beside their successor for as long as was said, and it keeps their id', async () => {
    const first = await create('llm_read');
    const second = await ask(hub, 'key.rotate', { key_id: first.key_id, overlap_seconds: 2 });
    assert.equal(second.key_id, first.key_id);
    assert.ok(second.previous_until);
    await ask(hub, 'device.list', {}, first.key);
    await ask(hub, 'device.list', {}, second.key);
    await eventually('the end of the overlap', async () => {
      const { error } = await call(hub, 'device.list', {}, first.key);
      return error?.code === unauthorized;
    });
    await ask(hub, 'device.list', {}, second.key);
    const third = await ask(hub, 'key.rotate', { key_id: first.key_id, overlap_seconds: 0 });
    await refused(second.key);
    await ask(hub, 'device.list', {}, third.key);
  });

  it('of a device can be rotated by the device, and its MQTT session stays', async () => {
    const device = await joinDevice(hub);
    const other = await joinDevice(hub);
    await device.end();
    const session = { clientId: 'kept', clean: false, properties: { sessionExpiryInterval: 600 } };
    const connect = (password: string) =>
      connectAsync(hub.mqttUrl, {
        ...{ username: device.id, password, protocolVersion: 5, reconnectPeriod: 0 },
        ...session,
      });
    const mqtt = await connect(device.key);
    await mqtt.subscribeAsync(`llm-iot/devices/${device.id}/command/request`, { qos: 1 });
    const { key } = await ask(hub, 'key.rotate', { overlap_seconds: 0 }, device.key);
    await new Promise<void>((resolve) => mqtt.once('close', () => resolve()));
    await assert.rejects(connect(device.key), /Not authorized|Bad User Name/);
    const again = await connect(key);
    await again.endAsync();
    const [theirs] = (await ask(hub, 'key.list', { device_id: other.id })).keys;
    const { error } = await call(hub, 'key.rotate', { key_id: theirs.key_id }, key);
    assert.equal(error?.code, unauthorized);
    await other.end();
  });

  it('end at once when they are revoked: connections are cut, calls refused', async () => {
    const { key, key_id } = await create('llm_write');
    const socket = await openSocket(hub, key);
    const device = await joinDevice(hub);
    const [own] = (await ask(hub, 'key.list', { device_id: device.id })).keys;
    const begin = performance.now();
    const cut = Promise.all([
      once(socket.socket, 'close'),
      new Promise<void>((resolve) => device.mqtt.once('close', () => resolve())),
    ]);
    await ask(hub, 'key.revoke', { key_id });
    await ask(hub, 'key.revoke', { key_id: own.key_id });
    await cut;
    assert.ok(performance.now() - begin < 2 * atOnceMs);
    await refused(key);
    await refused(device.key, 'device.get');
    await assert.rejects(openSocket(hub, key), /401/);
    await assert.rejects(
      connectAsync(hub.mqttUrl, { username: device.id, password: device.key, reconnectPeriod: 0 }),
    );
  });

  it('can be switched off and on again', async () => {
    const { key, key_id } = await create('user_operator');
    const socket = await openSocket(hub, key);
    const cut = once(socket.socket, 'close');
    await ask(hub, 'key.disable', { key_id });
    await cut;
    await refused(key);
    await ask(hub, 'key.enable', { key_id });
    await ask(hub, 'device.list', {}, key);
  });

  it('expire when they were told to, with their connections', async () => {
    const { key } = await create('llm_read', { expires_in: 2 });
    const socket = await openSocket(hub, key);
    await once(socket.socket, 'close');
    await refused(key);
  });

  it('of administrators never all end by mistake', async () => {
    for (const method of ['key.revoke', 'key.disable']) {
      const { error } = await call(hub, method, { key_id: 'admin' });
      assert.equal(error?.code, -32602, method);
    }
    const second = await create('llm_admin', { expires_in: 3_600 });
    const { error } = await call(hub, 'key.revoke', { key_id: 'admin' }, second.key);
    assert.match(error?.data.reason, /last key that can administer/);
  });

  it('of all LLMs are shut out by one switch, also after a restart, while devices and people go on', async () => {
    const [reader, writer, admin, person] = await Promise.all(
      ['llm_read', 'llm_write', 'llm_admin', 'user_operator'].map((role) => create(role)),
    );
    const device = await joinDevice(hub);
    const socket = await openSocket(hub, reader.key);
    const cut = once(socket.socket, 'close');
    await ask(hub, 'key.lockdown', { active: true, reason: 'it turned the heating on' }, admin.key);
    await cut;
    for (const { key } of [reader, writer, admin]) {
      const error = await refused(key);
      assert.match(error.data.reason, /shut out all LLMs/);
    }
    const { error } = await call(hub, 'key.lockdown', { active: false }, admin.key);
    assert.equal(error?.code, unauthorized);
    await ask(hub, 'device.list', {}, person.key);
    await device.publish('status', { status: 'online' });

    await hub.stop();
    hub = await startHub({ dataDir: hub.dataDir });
    await refused(reader.key);
    await ask(hub, 'device.list', {}, person.key);
    const state = await ask(hub, 'key.lockdown', { active: false });
    assert.equal(state.active, false);
    await ask(hub, 'device.list', {}, reader.key);
    await device.end();
  });
});
