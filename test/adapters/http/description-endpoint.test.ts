import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDescriptionEndpoint } from '../../../nodes/adapters/http/description-endpoint.ts';
import { ErrorCode, RpcError } from '../../../nodes/core/rpc/errors.ts';
import { admin } from '../../support/rpc-rig.ts';

describe('the endpoint of a description', () => {
  let server: Server;
  let stands = true;
  let room = true;
  let broken = false;

  before(async () => {
    server = createServer(
      createDescriptionEndpoint({
        path: '/doc',
        description: {
          type: 'text/plain',
          write: ({ host, query }) => {
            if (broken) throw new Error('inner words');
            return `${host} ${query.get('a')}`;
          },
        },
        authenticate: ({ secret }) => Promise.resolve(secret === 'good' ? admin : undefined),
        stands: () => stands,
        mayTake: () =>
          room
            ? Promise.resolve()
            : Promise.reject(
                new RpcError(ErrorCode.ResourceExhausted, 'too many', { retry_after_ms: 1_500 }),
              ),
        whenOpen: () => Promise.resolve(),
        metadataUrl: 'https://hub.example/meta',
      }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  beforeEach(() => {
    stands = true;
    room = true;
    broken = false;
  });

  const ask = async (headers: Record<string, string>, path = '/doc?a=1') => {
    const { port } = server.address() as AddressInfo;
    const request = get({
      ...{ host: '127.0.0.1', port, path, agent: false },
      headers: { authorization: 'Bearer good', ...headers },
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
    return { status: response.statusCode, headers: response.headers, text };
  };

  it('takes the name its caller uses, if that can be one', async () => {
    for (const host of ['hub.example:1880', '[::1]:80', '10.0.0.1'])
      assert.equal((await ask({ host })).text, `${host} 1`);
    for (const host of ['a b', '"x"', 'a/b', 'x'.repeat(300), 'user@host'])
      assert.equal((await ask({ host })).text, 'localhost 1');
  });

  it('says how long to wait, that a key is shut out, and where tokens come from', async () => {
    room = false;
    const wait = await ask({});
    assert.equal(wait.status, 429);
    assert.equal(wait.headers['retry-after'], '2');
    assert.equal(wait.headers['cache-control'], 'no-store');
    room = true;
    stands = false;
    assert.equal((await ask({})).status, 403);
    const bad = await ask({ authorization: 'Bearer bad' });
    assert.equal(bad.status, 401);
    assert.equal(
      bad.headers['www-authenticate'],
      'Bearer error="invalid_token", resource_metadata="https://hub.example/meta"',
    );
  });

  it('tells nothing of what failed inside', async () => {
    broken = true;
    const { status, text } = await ask({});
    assert.equal(status, 500);
    assert.equal(text, '');
  });

  it('answers a request with a body, and the next one of the same connection', async () => {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/doc`, { method: 'POST', body: 'x' });
    assert.equal(response.status, 405);
    assert.equal((await ask({})).status, 200);
  });
});
