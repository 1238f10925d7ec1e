import assert from 'node:assert/strict';
import { request } from 'node:http';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { call } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { listeningOf } from '../support/listening.ts';

/** User names and passwords that devices and brokers come with. */
const defaults: [string, string][] = [
  ['admin', 'admin'],
  ['admin', 'password'],
  ['admin', ''],
  ['root', 'root'],
  ['mosquitto', 'mosquitto'],
  ['guest', 'guest'],
  ['register', 'register'],
  ['hub', 'hub'],
  ['', ''],
];
const noKeys = { LLM_IOT_ADMIN_KEY: '', LLM_IOT_REGISTRATION_KEY: '' };

describe('a hub as it is first started', function () {
  this.timeout(40_000);
  let hub: RunningHub;
  let shown: string[];

  before(async () => {
    hub = await startHub({ env: noKeys });
    shown = [...hub.output().matchAll(/(?:Admin|Registration) key +(\S+)/g)].map(([, key]) => key!);
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  it('has two keys of 256 bits that no other hub has', async () => {
    assert.equal(shown.length, 2);
    for (const key of shown) assert.match(key, /^(admin|register)_[\w-]{43}$/);
    const other = await startHub({ env: noKeys });
    try {
      for (const key of shown) assert.ok(!other.output().includes(key));
      for (const key of shown)
        assert.equal((await call(other, 'hub.info', {}, key)).error?.code, -32005);
    } finally {
      await other.stop();
      await other.cleanUp();
    }
  });

  it('listens on the machine itself alone', function () {
    if (!existsSync('/proc/net/tcp')) this.skip();
    const listening = listeningOf(hub.pid);
    assert.deepEqual(
      listening,
      [...listening].filter((at) => at.startsWith('127.0.0.1:')),
    );
    assert.equal(listening.length, 2, `HTTP and MQTT: ${listening.join()}`);
  });

  it('lets nobody in by what devices and brokers come with, or without a name', async () => {
    for (const [username, password] of defaults) {
      await assert.rejects(
        connectAsync(hub.mqttUrl, { username, password, reconnectPeriod: 0 }, false),
        /Not authorized|Bad user ?name/i,
        username,
      );
      const { error } = await call(hub, 'hub.info', {}, password || 'none');
      assert.equal(error?.code, -32005);
    }
    for (const protocolVersion of [4, 5] as const)
      await assert.rejects(
        connectAsync(hub.mqttUrl, { protocolVersion, reconnectPeriod: 0 }, false),
        /Not authorized|Bad user ?name/i,
      );
  });

  it('answers no method but hub.health without a key', async () => {
    const listed = await call(hub, 'rpc.methods', {}, shown[0]);
    const names = (listed.result.methods as { name: string }[]).map(({ name }) => name);
    assert.ok(names.length > 30);
    for (const method of names) {
      const answer = await fetch(`${hub.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }),
      });
      assert.equal(answer.status, method === 'hub.health' ? 200 : 401, method);
    }
    assert.equal((await fetch(`${hub.url}/metrics`)).status, 401);
  });

  it('keeps its data from other users of the machine', () => {
    const modeOf = (path: string): number => statSync(path).mode & 0o777;
    for (const file of ['secret-key', 'credential-secret'])
      assert.equal(modeOf(join(hub.dataDir, file)), 0o600, file);
  });

  it('serves the editor to no page that calls this machine by another name', async () => {
    const { port } = new URL(hub.url);
    const statusFor = (host: string, path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port, path, headers: { host } }, (res) => {
          res.resume();
          resolve(res.statusCode);
        })
          .on('error', reject)
          .end();
      });
    for (const path of ['/', '/flows', '/settings', '/nodes', '/red/red.min.js']) {
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
        assert.notEqual(await statusFor(host, path), 403, `${host}${path}`);
      for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`])
        assert.equal(await statusFor(host, path), 403, `${host}${path}`);
    }
  });
});
