import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { EndpointLimits } from '../../../nodes/adapters/http/rpc-endpoint.ts';
import type { RpcCall } from '../../../nodes/core/rpc/types.ts';
import {
  declareExampleMethods,
  jsonRpcExamples,
  withoutErrorData,
} from '../../support/json-rpc-examples.ts';
import { createRpcRig, method } from '../../support/rpc-rig.ts';
import { adminKey, startRpcServer } from '../../support/rpc-server.ts';
import type { RpcServer } from '../../support/rpc-server.ts';
import { until } from '../../support/until.ts';

const json = { 'Content-Type': 'application/json' };
const withKey = { ...json, Authorization: `Bearer ${adminKey}` };

const post = (
  server: RpcServer,
  body: string | Uint8Array,
  headers: Record<string, string> = withKey,
) => fetch(server.url, { method: 'POST', body: body as BodyInit, headers });

const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: number; data: { reason: string } } }).error;

describe('POST /rpc', () => {
  let rig: ReturnType<typeof createRpcRig>;
  let server: RpcServer;

  const start = async (endpoint: Partial<EndpointLimits> = {}): Promise<void> => {
    rig = createRpcRig();
    declareExampleMethods(rig);
    server = await startRpcServer(rig, { endpoint });
  };
  beforeEach(() => start());
  afterEach(() => server.close());

  describe('the examples of the JSON-RPC 2.0 specification, over HTTP', () => {
    for (const { title, send, answer } of jsonRpcExamples) {
      it(title, async () => {
        const response = await post(server, send);
        const text = await response.text();
        assert.equal(response.status, answer === undefined ? 204 : 200);
        assert.deepEqual(withoutErrorData(text || undefined), withoutErrorData(answer));
      });
    }
  });

  it('sends JSON that nobody may cache or take for something else', async () => {
    const { headers } = await post(server, '[]');
    assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  });

  it('answers 401 with -32005 without a key and with a wrong one, and says how to do it', async () => {
    const body = '{"jsonrpc":"2.0","method":"get_data","id":1}';
    for (const authorization of [
      undefined,
      'Bearer wrong',
      'Basic YTpi',
      `Bearer ${adminKey} x`,
      adminKey,
    ]) {
      const response = await post(server, body, {
        ...json,
        ...(authorization ? { Authorization: authorization } : {}),
      });
      assert.equal(response.status, 401);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
      assert.equal((await errorOf(response)).code, -32005);
    }
    assert.equal((await post(server, `[${body}]`, json)).status, 401);
    assert.equal((await post(server, '{"jsonrpc":"2.0","method":"get_data"}', json)).status, 401);
  });

  it('answers 200 with -32005 when the key is good but may not do this', async () => {
    await server.close();
    rig = createRpcRig();
    rig.answer('m', () => 1, { roles: ['llm_write'] });
    server = await startRpcServer(rig, { keys: { reader: { id: 'r', role: 'llm_read' } } });
    const response = await post(server, '{"jsonrpc":"2.0","method":"m","id":1}', {
      ...json,
      Authorization: 'bearer reader',
    });
    assert.equal(response.status, 200);
    assert.equal((await errorOf(response)).code, -32005);
  });

  it('needs no key for an open method', async () => {
    rig.answer('hub.health', () => 'up', { open: true });
    const response = await post(server, '{"jsonrpc":"2.0","method":"hub.health","id":1}', json);
    assert.equal(response.status, 200);
  });

  it('answers 405 and Allow for every other HTTP method', async () => {
    for (const httpMethod of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const response = await fetch(server.url, { method: httpMethod });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'POST');
    }
  });

  it('answers 415 for anything but JSON, and accepts a charset', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonp',
      '',
    ]) {
      assert.equal((await post(server, '[]', { ...withKey, 'Content-Type': type })).status, 415);
    }
    assert.equal(
      (await post(server, '[]', { ...withKey, 'Content-Encoding': 'gzip' })).status,
      415,
    );
    assert.equal(
      (await post(server, '[]', { ...withKey, 'Content-Type': 'Application/JSON; charset=UTF-8' }))
        .status,
      200,
    );
  });

  it('answers -32700 for bad UTF-8, JSON bombs and duplicate keys', async () => {
    for (const body of [
      Uint8Array.of(0xff),
      '['.repeat(100_000),
      '{"id":1,"id":2}',
      '{"a":NaN}',
      '',
    ]) {
      const response = await post(server, body);
      assert.equal(response.status, 200);
      assert.equal((await errorOf(response)).code, -32700);
    }
  });

  it('answers 413 for 10 MB, told or not told in advance, and keeps serving', async () => {
    for (const told of [true, false]) {
      const req = request(server.url, {
        method: 'POST',
        headers: { ...withKey, ...(told ? { 'Content-Length': 10_000_000 } : {}) },
      });
      req.on('error', () => undefined);
      req.end(Buffer.alloc(10_000_000, 32));
      const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
      assert.equal(res.statusCode, 413);
      assert.equal(res.headers.connection, 'close');
      const [chunk] = (await once(res, 'data')) as [Buffer];
      assert.match(chunk.toString(), /-32006/);
      req.destroy();
    }
    assert.equal(rig.dispatcher.stats().errors['-32006'], 2);
    assert.equal((await post(server, '[]')).status, 200);
  });

  it('answers 408 for a body that does not come, and closes', async () => {
    await server.close();
    await start({ bodyMs: 20 });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
    );
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^HTTP\/1\.1 408 .*connection: close/is);
    await once(socket, 'close');
  });

  describe('a connection with many calls on their way', () => {
    const bodyOf = (name: string, id: number): string =>
      JSON.stringify({ jsonrpc: '2.0', method: name, params: {}, id });
    const pipelined = (name: string, count: number, bytes = 0): string =>
      Array.from({ length: count }, (_, id) => {
        const body = bodyOf(name, id).padEnd(bytes);
        return (
          `POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
          `Authorization: Bearer ${adminKey}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        );
      }).join('');

    it('is not read from beyond a few of them, and loses none', async () => {
      await server.close();
      await start({ concurrentCalls: 4 });
      const taken: RpcCall[] = [];
      rig.methods.declare(method('wait', { timeoutMs: 60_000 }), (call) => taken.push(call));
      const socket = connect(server.port, '127.0.0.1');
      let answers = '';
      socket.on('data', (data: Buffer) => (answers += data.toString()));
      const count = 500;
      socket.write(pipelined('wait', count));
      for (let settled = 0; settled < count; settled++) {
        await until('the next call', () => taken.length > settled);
        assert.ok(rig.dispatcher.stats().pending <= 4);
        rig.dispatcher.settle(taken[settled]!.id, { result: settled });
      }
      await until('all answers', () => answers.split('HTTP/1.1 200').length === count + 1);
      socket.destroy();
    });

    it('has to wait with bodies for which there is no room, its own or that of all', async () => {
      await server.close();
      await start({ bodyBytes: 3_000, bytesUnderWay: 5_000 });
      const taken: RpcCall[] = [];
      rig.methods.declare(method('wait', { timeoutMs: 60_000 }), (call) => taken.push(call));
      const body = bodyOf('wait', 1).padEnd(2_000);
      const answers = Array.from({ length: 10 }, () => post(server, body));
      const socket = connect(server.port, '127.0.0.1');
      socket.on('data', () => undefined);
      socket.write(pipelined('wait', 10, 2_000));
      for (let settled = 0; settled < 20; settled++) {
        await until('the next call', () => taken.length > settled);
        assert.ok(rig.dispatcher.stats().pending <= 2);
        rig.dispatcher.settle(taken[settled]!.id, { result: settled });
      }
      for (const answer of answers) assert.equal((await answer).status, 200);
      socket.destroy();
    });

    it('is left with what it goes on sending while it does not read its answers', async () => {
      rig.answer('small', () => 'x'.repeat(100));
      const socket = connect(server.port, '127.0.0.1');
      socket.pause();
      const one = pipelined('small', 1, 1_000);
      let sent = 0;
      const send = (): void => {
        for (let i = 0; i < 100 && !socket.writableNeedDrain; i++, sent++) socket.write(one);
      };
      const sending = setInterval(send, 0);
      let seen = 0;
      let since = performance.now();
      await until('nothing more is read', () => {
        assert.ok(sent < 60_000, 'all of it was read');
        if (sent > seen) since = performance.now();
        seen = sent;
        return performance.now() - since > 500;
      });
      clearInterval(sending);
      socket.destroy();
    });

    it('is not read from while it does not read its answers', async () => {
      rig.answer('big', () => 'x'.repeat(200_000));
      const socket = connect(server.port, '127.0.0.1');
      socket.pause();
      const count = 1_000;
      socket.write(pipelined('big', count));
      let seen = -1;
      await until('the calls to stall', async () => {
        const before = seen;
        seen = rig.dispatcher.stats().calls;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return seen > 0 && seen === before;
      });
      assert.ok(seen < 200, `${seen} calls were taken`);
      assert.equal((await post(server, '[]')).status, 200);
      socket.destroy();
    });
  });

  it('survives a client that leaves in the middle of its body or before its answer', async () => {
    rig.methods.declare(method('slow'), () => undefined);
    const call = '{"jsonrpc":"2.0","method":"slow","id":1}';
    for (const [length, body] of [
      [500, '{'],
      [call.length, call],
    ] as const) {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(
        `POST /rpc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminKey}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
      );
      await once(socket, 'connect');
      socket.destroy();
      await once(socket, 'close');
    }
    assert.equal((await post(server, '[]')).status, 200);
  });
});
