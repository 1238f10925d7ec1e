import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { watchSlowClients, type SlowClients } from '../../../nodes/adapters/http/slow-clients.ts';
import { createRpcRig } from '../../support/rpc-rig.ts';
import { adminKey, startRpcServer } from '../../support/rpc-server.ts';
import { until } from '../../support/until.ts';

const head =
  'POST /rpc HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n' +
  `Authorization: Bearer ${adminKey}\r\nContent-Length: 10000\r\n`;

describe('HTTP clients that drip', () => {
  let server: Server;
  let port: number;
  let clients: SlowClients;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createServer((req, res) => {
      clients.spoke(req.socket);
      res.end('ok');
    });
    clients = watchSlowClients(server, { firstRequestMs: 150 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  /** A connection that sends one byte after the other; answers when it was cut. */
  const drip = (text: string, to = port): { socket: Socket; cut: Promise<unknown> } => {
    const socket = connect(to, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    let at = 0;
    const timer = setInterval(() => socket.write(text.charAt(at++) || 'x'), 10);
    const cut = once(socket, 'close').finally(() => clearInterval(timer));
    return { socket, cut };
  };

  it('are cut when the headers do not come in, or nothing does', async () => {
    const silent = connect(port, '127.0.0.1');
    sockets.push(silent);
    await Promise.all([drip(head).cut, once(silent, 'close')]);
  });

  it('are cut when the body does not come in', async () => {
    const rpc = await startRpcServer(createRpcRig(), { endpoint: { bodyMs: 100 } });
    try {
      const { socket, cut } = drip('{"jsonrpc":', rpc.port);
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.write(`${head}\r\n`);
      await cut;
      assert.match(answer, /^HTTP\/1\.1 408 /);
    } finally {
      await rpc.close();
    }
  });

  it('cost no connection that has spoken', async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.write('GET / HTTP/1.1\r\nHost: hub\r\n\r\n');
    await once(socket, 'data');
    await drip(head).cut;
    assert.ok(!socket.destroyed);
    socket.write('GET / HTTP/1.1\r\nHost: hub\r\n\r\n');
    await once(socket, 'data');
  });

  it('are cut at once when too many of an address have not spoken', async () => {
    let open = 0;
    clients.onOpen = (address) => {
      assert.match(address, /127\.0\.0\.1/);
      if (open === 2) return undefined;
      open += 1;
      return () => (open -= 1);
    };
    const [first, second] = [drip(head), drip(head)];
    await until('both are open', () => open === 2);
    const third = connect(port, '127.0.0.1');
    sockets.push(third);
    third.on('error', () => undefined);
    await once(third, 'close');
    await Promise.all([first.cut, second.cut]);
    await until('none is counted any more', () => open === 0);
  });

  it('are told when they send more than a hundred headers', async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const many = Array.from({ length: 101 }, (_, i) => `x-${i}: 1\r\n`).join('');
    socket.write(`GET / HTTP/1.1\r\nHost: hub\r\n${many}\r\n`);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^HTTP\/1\.1 431 /);
  });

  it('are told when their headers are too long', async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.write(`GET / HTTP/1.1\r\nHost: hub\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^HTTP\/1\.1 431 /);
  });
});
