import assert from 'node:assert/strict';
import { ask } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { connectPacket, rawClient } from '../support/raw-mqtt.ts';
import { requestFrom } from '../support/request-from.ts';
import { until } from '../support/until.ts';

describe('a running hub that is abused', function () {
  this.timeout(30_000);
  let hub: RunningHub;
  let clients = 0;

  before(async () => {
    hub = await startHub({
      env: {
        LLM_IOT_TRUSTED_PROXIES: '127.0.0.9',
        LLM_IOT_ALLOWED_ORIGINS: 'https://app.example',
      },
    });
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  const upgradeHeaders = {
    ...{ connection: 'Upgrade', upgrade: 'websocket' },
    ...{ 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  };
  const health = '{"jsonrpc":"2.0","id":1,"method":"hub.info"}';
  const callFrom = (localAddress: string, key: string, more: Record<string, string> = {}) =>
    requestFrom(`${hub.url}/rpc`, {
      localAddress,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...more },
      body: health,
    });
  /** How a CONNECT is answered. */
  const connectFrom = async (
    localAddress: string,
    version: 4 | 5,
    password: string,
  ): Promise<number | undefined> => {
    const client = rawClient(hub.mqttPort, version, localAddress);
    client.send({
      ...connectPacket('admin', `client-${++clients}`, { version }),
      password: Buffer.from(password),
    } as Parameters<typeof client.send>[0]);
    const { returnCode, reasonCode } = await client.next('connack');
    client.end();
    return version === 5 ? reasonCode : returnCode;
  };
  /** Guesses until it is banned. */
  const beBanned = async (localAddress: string, more: Record<string, string> = {}) => {
    for (let i = 0; ; i++) {
      const answer = await callFrom(localAddress, `llm_admin_${i}`, more);
      if (answer.body.includes('"limit":"banned"')) return answer;
      assert.ok(i < 100, 'a hundred guesses were borne');
    }
  };

  it('shuts an address out that tries keys, over each transport, and nobody else', async () => {
    const banned = await beBanned('127.0.0.2');
    assert.equal(banned.status, 429);
    const { error } = JSON.parse(banned.body) as {
      error: { code: number; data: { retry_after_ms: number } };
    };
    assert.equal(error.code, -32006);
    assert.ok(error.data.retry_after_ms > 600_000);
    assert.ok(Number(banned.headers['retry-after']) > 600);

    // The right key is of no use there now.
    assert.equal((await callFrom('127.0.0.2', hub.adminKey)).status, 429);
    const metrics = await requestFrom(`${hub.url}/metrics`, {
      method: 'GET',
      localAddress: '127.0.0.2',
      headers: { authorization: `Bearer ${hub.adminKey}` },
    });
    assert.equal(metrics.status, 429);
    assert.ok(Number(metrics.headers['retry-after']) > 600);
    const socket = await requestFrom(`${hub.url}/ws`, {
      method: 'GET',
      localAddress: '127.0.0.2',
      headers: { authorization: `Bearer ${hub.adminKey}`, ...upgradeHeaders },
    });
    assert.equal(socket.status, 429);
    assert.ok(Number(socket.headers['retry-after']) > 600);
    assert.equal(await connectFrom('127.0.0.2', 5, hub.adminKey), 0x8a);
    assert.equal(await connectFrom('127.0.0.2', 4, hub.adminKey), 5);

    assert.equal((await callFrom('127.0.0.3', hub.adminKey)).status, 200);
    assert.equal(await connectFrom('127.0.0.3', 5, hub.adminKey), 0);
    assert.equal(await connectFrom('127.0.0.3', 4, hub.adminKey), 0);
  });

  it('takes no connection any more from an address that goes on when it is banned', async () => {
    await beBanned('127.0.0.6');
    const goOn = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) await callFrom('127.0.0.6', 'wrong');
    };
    await assert.rejects(goOn(), { code: /ECONNRESET|EPIPE/ });
    const client = rawClient(hub.mqttPort, 5, '127.0.0.6');
    await until('it is cut', () => client.closed);
    assert.equal((await callFrom('127.0.0.7', hub.adminKey)).status, 200);
  });

  it('tells MQTT clients that guess to wait', async () => {
    const answers = new Set<number | undefined>();
    for (let i = 0; i < 12; i++) answers.add(await connectFrom('127.0.0.4', 5, `wrong-${i}`));
    assert.deepEqual([...answers], [0x86, 0x97]);
    assert.equal(await connectFrom('127.0.0.4', 4, hub.adminKey), 3);
  });

  it('believes X-Forwarded-For of a trusted proxy only', async () => {
    await beBanned('127.0.0.9', { 'x-forwarded-for': '198.51.100.1' });
    const other = { 'x-forwarded-for': '198.51.100.1, 198.51.100.2' };
    assert.equal((await callFrom('127.0.0.9', hub.adminKey, other)).status, 200);
    await beBanned('127.0.0.5', { 'x-forwarded-for': '198.51.100.3' });
    const third = { 'x-forwarded-for': '198.51.100.3' };
    assert.equal((await callFrom('127.0.0.9', hub.adminKey, third)).status, 200);
  });

  it('keeps pages of other sites from all its endpoints but those it is told', async () => {
    const origin = 'https://evil.example';
    assert.equal((await callFrom('127.0.0.1', hub.adminKey, { origin })).status, 403);
    const allowed = await callFrom('127.0.0.1', hub.adminKey, { origin: 'https://app.example' });
    assert.equal(allowed.status, 200);
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://app.example');
    for (const path of ['/metrics', '/ws']) {
      const headers = { origin, ...(path === '/ws' ? upgradeHeaders : {}) };
      const answer = await requestFrom(`${hub.url}${path}`, { method: 'GET', headers });
      assert.equal(answer.status, 403, path);
    }
  });

  it('puts protective headers on its answers, and on none of the editor', async () => {
    const answers = [
      await callFrom('127.0.0.1', hub.adminKey),
      await callFrom('127.0.0.1', 'wrong'),
      await requestFrom(`${hub.url}/metrics`, { method: 'GET' }),
      await requestFrom(`${hub.url}/ws`, { method: 'GET', headers: upgradeHeaders }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 401, 401, 401],
    );
    for (const { headers } of answers) {
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
      assert.match(String(headers['content-security-policy']), /default-src 'none'/);
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['referrer-policy'], 'no-referrer');
    }
    const editor = await requestFrom(`${hub.url}/`, { method: 'GET' });
    assert.equal(editor.headers['content-security-policy'], undefined);
  });

  it('counts whom it refused by the limit, and names nobody', async () => {
    const { limits } = await ask(hub, 'hub.info');
    assert.ok(limits.refused.banned >= 6);
    assert.equal(limits.banned_addresses, 4);
    const metrics = await requestFrom(`${hub.url}/metrics`, {
      method: 'GET',
      headers: { authorization: `Bearer ${hub.adminKey}` },
    });
    assert.match(metrics.body, /llm_iot_refused_total\{limit="banned"\} \d+/);
    assert.match(metrics.body, /llm_iot_banned_addresses 4/);
    assert.match(metrics.body, /llm_iot_refused_total\{limit="origin"\} 3/);
    assert.doesNotMatch(metrics.body, /127\.0\.0\.|198\.51|evil/);
  });
});
