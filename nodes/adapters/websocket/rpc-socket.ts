import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Clock } from '../../core/clock.ts';
import type { Ids } from '../../core/ids.ts';
import type { RpcError } from '../../core/rpc/errors.ts';
import type { Dispatcher } from '../../core/rpc/types.ts';
import {
  matcherOf,
  type Authenticate,
  type Caller,
  type Meant,
} from '../../core/security/authentication.ts';
import { atExpiry } from '../../core/security/expiry.ts';
import { retryAfterOf } from '../../core/security/refusals.ts';
import type { Principal } from '../../core/security/types.ts';
import type { Streams } from '../../core/stream/types.ts';
import { bearerChallenge } from '../http/challenge.ts';
import type { AddressOf } from '../http/client-address.ts';
import { callerOf, credentialsOf, type CertificateOf } from '../http/credentials.ts';
import { createOriginRules, type OriginRules } from '../http/front-guard.ts';
import { retryAfter } from '../http/retry-after.ts';
import { createRoom } from '../http/room.ts';
import { createConnection } from './connection.ts';
import type { Connection, ConnectionLimits } from './connection.ts';
import { keyOf, pathOf, refuseUpgrade, subprotocol } from './handshake.ts';

export interface SocketLimits extends ConnectionLimits {
  /** Most bytes of one message. Default 1 MiB. */
  messageBytes: number;
  /** Bytes of the calls of all sockets under way; beyond, calls wait. Default 8 MiB. */
  bytesUnderWay: number;
  /** The same of devices with several calls under way. Default 16 KiB. */
  busyBytesUnderWay: number;
  /** Most sockets open at once. Default 1,000. */
  sockets: number;
  /** Of one principal. Default 100. */
  socketsPerPrincipal: number;
  /** Milliseconds between signs of life asked of each socket. Default 30,000. */
  pingMs: number;
}

const defaults: SocketLimits = {
  concurrentCalls: 32,
  concurrentBytes: 1_048_576,
  bytesUnderWay: 8_388_608,
  busyBytesUnderWay: 16_384,
  highWaterBytes: 65_536,
  messageBytes: 1_048_576,
  sockets: 1000,
  socketsPerPrincipal: 100,
  pingMs: 30_000,
};

/** Close code for what the server's rules do not let go on (RFC 6455 section 7.4.1). */
const expiredCode = 1008;

/** JSON-RPC and stream updates over WebSocket (specification sections 2.1 and 5.1). */
export interface RpcSocket {
  /** Takes an upgrade request if its path is ours; false leaves it, untouched, to somebody else. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Closes every socket of whom is meant (a key was revoked, a device removed, LLMs are shut out). */
  disconnect(who: Meant): void;
  /** How many sockets are open. */
  size(): number;
  /** Cuts every connection; resolves when all are closed. Upgrades from then on are answered 503. */
  close(): Promise<void>;
}

/** @param deps.every calls back again and again until its answer is called; a timer that keeps no process alive by default */
export function createRpcSocket(deps: {
  dispatcher: Dispatcher;
  streams: Streams;
  authenticate: Authenticate;
  /** Where clients learn who gives out access tokens. */
  metadataUrl?: string | undefined;
  clock: Clock;
  ids: Ids;
  path: string;
  /** The peer's, unless told. */
  addressOf?: AddressOf;
  /** Which pages may connect; only the hub's own, unless told. */
  origins?: OriginRules;
  onRefused?: (
    cause: 'origin' | 'host' | 'connections_per_principal',
    req: IncomingMessage,
    principal?: Principal,
  ) => void;
  certificateOf?: CertificateOf | undefined;
  limits?: Partial<SocketLimits>;
  every?: (ms: number, fn: () => void) => () => void;
}): RpcSocket {
  const { dispatcher, streams, authenticate, metadataUrl, clock, ids, path, every = repeat } = deps;
  const { origins = createOriginRules() } = deps;
  const limits = { ...defaults, ...deps.limits };
  const connections = new Map<WebSocket, Connection>();
  const room = createRoom({ most: limits.bytesUnderWay, busy: limits.busyBytesUnderWay });
  let closing = false;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.messageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
  const stopPinging = every(limits.pingMs, () => {
    for (const connection of [...connections.values()]) connection.checkAlive();
  });

  const accept = (ws: WebSocket, principal: Principal, caller: Caller): void => {
    const connection = createConnection({
      ws,
      id: ids.uuid(),
      principal,
      caller,
      dispatcher,
      streams,
      limits,
      room,
    });
    connections.set(ws, connection);
    const forgetExpiry = atExpiry(principal, clock, () =>
      ws.close(expiredCode, 'the key or token expired'),
    );
    ws.once('close', () => {
      forgetExpiry();
      connections.delete(ws);
    });
  };

  const openOf = ({ id }: Principal): number => {
    let count = 0;
    for (const { principal } of connections.values()) if (principal.id === id) count += 1;
    return count;
  };

  const upgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const wrong = !origins.isServed(req) ? 'host' : origins.isForeign(req) ? 'origin' : undefined;
    if (wrong !== undefined) {
      deps.onRefused?.(wrong, req);
      if (wrong === 'host') refuseUpgrade(socket, 421, 'the hub is not served by this name');
      else refuseUpgrade(socket, 403, 'pages of other sites may not connect');
      return;
    }
    const caller = callerOf(req, 'websocket', deps.addressOf);
    const credentials = credentialsOf(req, deps.certificateOf, keyOf(req));
    let principal: Principal | undefined;
    try {
      principal = await authenticate(credentials, caller);
    } catch (error) {
      const wait = retryAfterOf(error);
      if (wait === undefined) throw error;
      refuseUpgrade(socket, 429, (error as RpcError).reason, { 'Retry-After': retryAfter(wait) });
      return;
    }
    if (closing) refuseUpgrade(socket, 503, 'the hub is closing');
    else if (!principal) {
      const error = credentials.secret === undefined ? undefined : 'invalid_token';
      const reason = 'a valid key is needed: Authorization: Bearer <key>';
      const challenge = bearerChallenge(error, metadataUrl);
      refuseUpgrade(socket, 401, reason, { 'WWW-Authenticate': challenge });
    } else if (connections.size >= limits.sockets) {
      refuseUpgrade(socket, 503, `${limits.sockets} sockets are open already`);
    } else if (openOf(principal) >= limits.socketsPerPrincipal) {
      deps.onRefused?.('connections_per_principal', req, principal);
      const reason = `${limits.socketsPerPrincipal} sockets with this key are open already`;
      refuseUpgrade(socket, 429, reason);
    } else server.handleUpgrade(req, socket, head, (ws) => accept(ws, principal, caller));
  };

  return {
    handleUpgrade(req, socket, head) {
      if (pathOf(req) !== path) return false;
      socket.on('error', () => socket.destroy());
      upgrade(req, socket, head).catch(() => socket.destroy());
      return true;
    },
    disconnect(who) {
      const isMeant = matcherOf(who);
      for (const connection of [...connections.values()]) {
        if (isMeant(connection.principal)) connection.terminate();
      }
    },
    size: () => connections.size,
    async close() {
      closing = true;
      stopPinging();
      const closed = [...connections.keys()].map(
        (ws) => new Promise((resolve) => ws.once('close', resolve)),
      );
      for (const connection of [...connections.values()]) connection.terminate();
      await Promise.all(closed);
      server.close();
    },
  };
}

function repeat(ms: number, fn: () => void): () => void {
  const timer = setInterval(fn, ms).unref();
  return () => clearInterval(timer);
}
