import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRpcEndpoint } from '../../nodes/adapters/http/rpc-endpoint.ts';
import type { EndpointLimits } from '../../nodes/adapters/http/rpc-endpoint.ts';
import { createRpcSocket } from '../../nodes/adapters/websocket/rpc-socket.ts';
import type { SocketLimits } from '../../nodes/adapters/websocket/rpc-socket.ts';
import type { Authenticate } from '../../nodes/core/security/authentication.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import { createStreams } from '../../nodes/core/stream/streams.ts';
import { admin } from './rpc-rig.ts';
import type { RpcRig } from './rpc-rig.ts';

export const adminKey = 'llm_admin_key-for-tests';

/** A real HTTP server on a free loopback port with `/rpc` and `/ws` of a rig. */
export async function startRpcServer(
  rig: RpcRig,
  options: {
    endpoint?: Partial<EndpointLimits>;
    socket?: Partial<SocketLimits>;
    keys?: Record<string, Principal>;
  } = {},
) {
  const keys = new Map(Object.entries({ [adminKey]: admin, ...options.keys }));
  const authenticate: Authenticate = ({ secret = '' }) => Promise.resolve(keys.get(secret));
  const streams = createStreams({ ids: rig.ids });
  const endpoint = createRpcEndpoint({
    dispatcher: rig.dispatcher,
    authenticate,
    limits: options.endpoint ?? {},
  });
  let tick = (): void => undefined;
  const socket = createRpcSocket({
    dispatcher: rig.dispatcher,
    streams,
    authenticate,
    clock: rig.clock,
    ids: rig.ids,
    path: '/ws',
    limits: options.socket ?? {},
    every(_ms, fn) {
      tick = fn;
      return () => {
        tick = () => undefined;
      };
    },
  });
  const server = createServer(endpoint);
  server.on('upgrade', (req, duplex, head) => {
    if (!socket.handleUpgrade(req, duplex, head)) duplex.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/rpc`,
    wsUrl: `ws://127.0.0.1:${port}/ws`,
    streams,
    socket,
    /** Lets the time of one ping interval pass. */
    tick: () => tick(),
    async close() {
      await socket.close();
      rig.dispatcher.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type RpcServer = Awaited<ReturnType<typeof startRpcServer>>;
