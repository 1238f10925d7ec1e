import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { SocketLimits } from '../../../nodes/adapters/websocket/rpc-socket.ts';
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

const request = (name: string, params: object = {}, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', method: name, params, id });

interface Frame {
  id?: unknown;
  result?: unknown;
  error?: { code: number };
  params?: { channel: string; data: unknown; dropped?: number };
}

describe('the WebSocket', () => {
  let rig: ReturnType<typeof createRpcRig>;
  let server: RpcServer;
  const clients: WebSocket[] = [];

  const start = async (socket: Partial<SocketLimits> = {}): Promise<void> => {
    rig = createRpcRig();
    declareExampleMethods(rig);
    server = await startRpcServer(rig, { socket });
    rig.methods.declare(method('subscribe'), ({ id, session, params }) => {
      const result = server.streams.subscribe(session!, params['channels'] as string[]);
      rig.dispatcher.settle(id, { result });
    });
  };
  beforeEach(() => start());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.terminate();
    await server.close();
  });

  const withKey = { headers: { Authorization: `Bearer ${adminKey}` } };

  /** An open client and every frame it got. */
  const open = async (options: ClientOptions = withKey, protocols: string[] = []) => {
    const ws = new WebSocket(server.wsUrl, protocols, options);
    clients.push(ws);
    ws.on('error', () => undefined);
    const frames: string[] = [];
    ws.on('message', (data: Buffer) => frames.push(data.toString()));
    await once(ws, 'open');
    return { ws, frames, parsed: () => frames.map((text) => JSON.parse(text) as Frame) };
  };

  /** The status an upgrade was refused with. */
  const refused = async (
    options: ClientOptions,
    protocols: string[] = [],
  ): Promise<number | undefined> => {
    const ws = new WebSocket(server.wsUrl, protocols, options);
    ws.on('error', () => undefined);
    const [, response] = (await once(ws, 'unexpected-response')) as [
      unknown,
      import('node:http').IncomingMessage,
    ];
    response.destroy();
    return response.statusCode;
  };

  describe('the examples of the JSON-RPC 2.0 specification, over WebSocket', () => {
    for (const { title, send, answer } of jsonRpcExamples) {
      it(title, async () => {
        const { ws, frames } = await open();
        ws.send(send);
        if (answer === undefined) ws.send(request('get_data', {}, 'the next one'));
        await until('an answer', () => frames.length > 0);
        assert.equal(frames.length, 1);
        if (answer === undefined) assert.match(frames[0]!, /the next one/);
        else assert.deepEqual(withoutErrorData(frames[0]), withoutErrorData(answer));
      });
    }
  });

  it('takes the key as a subprotocol from clients that cannot set headers', async () => {
    const { ws } = await open({}, ['llm-iot', `bearer.${adminKey}`]);
    assert.equal(ws.protocol, 'llm-iot');
  });

  it('answers 401 to an upgrade without a key or with a wrong one', async () => {
    assert.equal(await refused({}), 401);
    assert.equal(await refused({ headers: { Authorization: 'Bearer wrong' } }), 401);
    assert.equal(await refused({}, ['llm-iot', 'bearer.wrong']), 401);
    assert.equal(server.socket.size(), 0);
  });

  it('answers 403 to a page of another site, even with a good key', async () => {
    for (const origin of ['https://evil.example', `http://127.0.0.1:1`, 'null', 'file://']) {
      assert.equal(await refused({ ...withKey, origin }), 403);
    }
    const { ws } = await open({ ...withKey, origin: `http://127.0.0.1:${server.port}` });
    assert.equal(ws.readyState, ws.OPEN);
  });

  it('leaves other paths to others', async () => {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/elsewhere`, withKey);
    const [error] = (await once(ws, 'error')) as [Error];
    assert.match(error.message, /hang up|reset/);
  });

  it('agrees on no compression', async () => {
    const { ws } = await open({ ...withKey, perMessageDeflate: true });
    assert.equal(ws.extensions, '');
  });

  it('closes a socket that sends more than it may', async () => {
    const { ws } = await open();
    ws.send(Buffer.alloc(1_048_577, 32));
    const [code] = (await once(ws, 'close')) as [number];
    assert.equal(code, 1009);
    assert.equal(rig.dispatcher.stats().errors['-32600'], 1);
  });

  it('answers 503 when as many sockets are open as may be', async () => {
    await server.close();
    await start({ sockets: 1 });
    await open();
    assert.equal(await refused(withKey), 503);
  });

  it('answers 429 when as many are open with one key as may be', async () => {
    await server.close();
    await start({ socketsPerPrincipal: 2 });
    const { ws } = await open();
    await open();
    assert.equal(await refused(withKey), 429);
    ws.terminate();
    await until('it is gone', () => server.socket.size() === 1);
    await open();
  });

  it('sends stream updates to the session that subscribed', async () => {
    const { ws, parsed } = await open();
    ws.send(request('subscribe', { channels: ['device.d1.*'] }));
    await until('the answer', () => parsed().length === 1);
    server.streams.publish('d1', 'telemetry', { a: 1 }, 0);
    await until('the update', () => parsed().length === 2);
    assert.deepEqual(parsed()[1]?.params, {
      channel: 'device.d1.telemetry',
      timestamp: '1970-01-01T00:00:00.000Z',
      data: { a: 1 },
      untrusted: ['data'],
    });
  });

  it('keeps the memory and the other readers when one stops reading, which loses its oldest updates', async () => {
    const slow = await open();
    const quick = await open();
    for (const { ws, frames } of [slow, quick]) {
      ws.send(request('subscribe', { channels: ['*'] }));
      await until('the answer', () => frames.length === 1);
    }
    slow.ws.pause();
    const count = 4000;
    const data = 'x'.repeat(10_000);
    for (let i = 1; i <= count; i++) {
      server.streams.publish('d1', 'telemetry', { i, data }, 0);
      if (i % 50 === 0) await until('the quick one', () => quick.frames.length === i + 1);
    }
    const { dropped } = server.streams.stats();
    assert.ok(dropped > 1000, `dropped ${dropped}`);
    slow.ws.resume();
    await until(
      'the newest',
      () => (slow.parsed().at(-1)?.params?.data as { i?: number } | undefined)?.i === count,
    );
    const updates = slow.parsed().slice(1);
    const told = updates.reduce((sum, { params }) => sum + (params?.dropped ?? 0), 0);
    assert.equal(told, dropped);
    assert.equal(updates.length + told, count);
    const order = updates.map(({ params }) => (params!.data as { i: number }).i);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
  });

  it('stops reading from a socket with too many calls under way, and loses none of them', async () => {
    await server.close();
    await start({ concurrentCalls: 4 });
    const taken: RpcCall[] = [];
    rig.methods.declare(method('wait', { timeoutMs: 60_000 }), (call) => taken.push(call));
    const { ws, parsed } = await open();
    for (let i = 0; i < 500; i++) ws.send(request('wait', {}, i));
    await until('four calls', () => taken.length === 4);
    for (let settled = 0; settled < 500; settled++) {
      await until('the next call', () => taken.length > settled);
      assert.ok(rig.dispatcher.stats().pending <= 4);
      rig.dispatcher.settle(taken[settled]!.id, { result: settled });
    }
    await until('all answers', () => parsed().length === 500);
    assert.equal(new Set(parsed().map(({ id }) => id)).size, 500);
  });

  it('lets calls wait whose bodies find no room, and loses none of them', async () => {
    await server.close();
    await start({ concurrentBytes: 5_000, bytesUnderWay: 7_000 });
    const taken: RpcCall[] = [];
    rig.methods.declare(method('wait', { timeoutMs: 60_000 }), (call) => taken.push(call));
    const sockets = [await open(), await open()];
    for (const { ws } of sockets)
      for (let i = 0; i < 50; i++) ws.send(request('wait', {}, i).padEnd(2_000));
    await until('as many as there is room for', () => taken.length === 3);
    for (let settled = 0; settled < 100; settled++) {
      await until('the next call', () => taken.length > settled);
      assert.ok(rig.dispatcher.stats().pending <= 3);
      rig.dispatcher.settle(taken[settled]!.id, { result: settled });
    }
    for (const { parsed } of sockets) await until('all answers', () => parsed().length === 50);
  });

  it('does not read from a client that does not read its answers', async () => {
    rig.answer('big', () => 'x'.repeat(200_000));
    const { ws, frames } = await open();
    ws.pause();
    const count = 250;
    for (let i = 0; i < count; i++) ws.send(request('big', {}, i));
    let seen = -1;
    await until('the calls to stall', async () => {
      const before = seen;
      seen = rig.dispatcher.stats().calls;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return seen > 0 && before === seen;
    });
    assert.ok(seen < count, `${seen} calls were answered into memory`);
    ws.resume();
    await until('every answer', () => frames.length === count, 9000);
  });

  it('asks for signs of life and cuts whoever gives none', async () => {
    const { ws } = await open();
    const deaf = await open({ ...withKey, autoPong: false });
    const cut = once(deaf.ws, 'close');
    for (let i = 0; i < 2; i++) {
      const pinged = once(ws, 'ping');
      server.tick();
      await pinged;
      // A call's answer comes after the pong was read: one connection keeps its order.
      ws.send(request('get_data'));
      await once(ws, 'message');
    }
    await cut;
    assert.equal(ws.readyState, ws.OPEN);
    assert.equal(server.socket.size(), 1);
  });

  it('keeps no session and no queue of a client that has gone, and drops the answers it waited for', async () => {
    let call: RpcCall | undefined;
    rig.methods.declare(method('wait', { timeoutMs: 60_000 }), (taken) => {
      call = taken;
    });
    for (const leave of ['close', 'terminate'] as const) {
      const { ws, frames } = await open();
      ws.send(request('subscribe', { channels: ['*'] }));
      await until('the answer', () => frames.length === 1);
      ws.send(request('wait'));
      await until('the call', () => call !== undefined);
      ws[leave]();
      await until('the end', () => server.socket.size() === 0);
      assert.equal(server.streams.stats().sessions, 0);
      assert.equal(server.streams.stats().subscriptions, 0);
      assert.equal(rig.dispatcher.settle(call!.id, { result: 1 }), true);
      call = undefined;
    }
    assert.equal(rig.dispatcher.stats().pending, 0);
  });

  it('cuts every socket of one key', async () => {
    const { ws } = await open();
    server.socket.disconnect('somebody-else');
    server.socket.disconnect('admin');
    await once(ws, 'close');
    assert.equal(server.socket.size(), 0);
  });

  it('cuts every socket when it closes, and takes no new ones', async () => {
    const { ws } = await open();
    const closed = once(ws, 'close');
    await server.socket.close();
    await closed;
    assert.equal(server.socket.size(), 0);
    assert.equal(await refused(withKey), 503);
  });
});
