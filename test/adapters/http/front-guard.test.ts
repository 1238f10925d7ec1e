import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createOriginRules,
  guardOrigin,
  protectiveHeaders,
  withHeaders,
} from '../../../nodes/adapters/http/front-guard.ts';
import { requestFrom } from '../../support/request-from.ts';

describe('what stands before the endpoints', () => {
  let server: Server;
  let url: string;
  let handled = 0;
  const refused: string[] = [];

  const start = async (rules: Parameters<typeof createOriginRules>[0] = {}): Promise<void> => {
    const guarded = guardOrigin(
      (_req, res) => {
        handled += 1;
        res.end('{}');
      },
      createOriginRules(rules),
      (cause) => refused.push(cause),
    );
    server = createServer(withHeaders(guarded));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const ask = (headers: Record<string, string> = {}, method = 'POST') =>
    requestFrom(url, { method, headers });
  const corsHeaders = (headers: object): string[] =>
    Object.keys(headers).filter((name) => name.startsWith('access-control'));

  afterEach(async () => {
    handled = 0;
    refused.length = 0;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('puts the protective headers on every answer, refusals included', async () => {
    await start();
    for (const given of [{}, { origin: 'https://evil.example' }]) {
      const { headers } = await ask(given);
      for (const [name, value] of Object.entries(protectiveHeaders))
        assert.equal(headers[name.toLowerCase()], value);
      assert.equal(headers['strict-transport-security'], undefined);
      assert.deepEqual(corsHeaders(headers), []);
    }
  });

  it('says over TLS that nothing else is to be used', () => {
    const set = new Map<string, unknown>();
    withHeaders(() => undefined)(
      { socket: { encrypted: true } } as never,
      { setHeader: (name: string, value: unknown) => set.set(name, value) } as never,
    );
    assert.equal(set.get('Strict-Transport-Security'), 'max-age=31536000');
  });

  it('takes programs and its own pages', async () => {
    await start();
    const own: Record<string, string>[] = [{}, { origin: url }, { origin: url.toUpperCase() }];
    for (const headers of own) assert.equal((await ask(headers)).status, 200);
    assert.equal(handled, 3);
  });

  it('refuses pages of other sites before anything is handled', async () => {
    await start();
    const port = new URL(url).port;
    for (const origin of [
      'https://evil.example',
      'null',
      'nonsense',
      '',
      `http://127.0.0.1:${Number(port) + 1}`,
      `http://127.0.0.1.evil.example:${port}`,
    ]) {
      const { status, body, headers } = await ask({ origin });
      assert.equal(status, 403, origin);
      assert.equal((JSON.parse(body) as { error: { code: number } }).error.code, -32005);
      assert.deepEqual(corsHeaders(headers), []);
    }
    assert.equal(handled, 0);
    assert.deepEqual([...new Set(refused)], ['origin']);
  });

  it('answers no preflight but that of an allowed origin', async () => {
    await start({ allowedOrigins: ['https://app.example'] });
    const foreign = await ask({ origin: 'https://evil.example' }, 'OPTIONS');
    assert.equal(foreign.status, 403);
    assert.deepEqual(corsHeaders(foreign.headers), []);
    const { status, headers } = await ask({ origin: 'https://app.example' }, 'OPTIONS');
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], 'https://app.example');
    assert.equal(headers['access-control-allow-methods'], 'POST, GET, DELETE');
    assert.equal(
      headers['access-control-allow-headers'],
      'authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id',
    );
    assert.equal(headers['access-control-allow-credentials'], undefined);
    assert.equal(handled, 0);
  });

  it('lets pages of an allowed origin read answers', async () => {
    await start({ allowedOrigins: ['https://app.example'] });
    const { status, headers } = await ask({ origin: 'https://app.example' });
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], 'https://app.example');
    assert.equal(headers['vary'], 'Origin');
    assert.equal((await ask({ origin: 'http://app.example' })).status, 403);
  });

  it('serves only the names it is told, if it is told any', async () => {
    await start({ allowedHosts: ['hub.example', 'other.example:8443'] });
    for (const host of ['hub.example', 'HUB.example:1880', 'other.example:8443'])
      assert.equal((await ask({ host })).status, 200, host);
    for (const host of ['rebound.example', 'other.example', 'hub.example.evil.example'])
      assert.equal((await ask({ host })).status, 421, host);
    assert.deepEqual(refused, ['host', 'host', 'host']);
  });
});
