import type { RawData, WebSocket } from 'ws';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import type { Dispatcher, RpcContext } from '../../core/rpc/types.ts';
import type { Caller } from '../../core/security/authentication.ts';
import type { Principal } from '../../core/security/types.ts';
import type { StreamSession, Streams } from '../../core/stream/types.ts';
import { isBusy, type Room } from '../http/room.ts';

export interface ConnectionLimits {
  /** Calls of one socket under way at once; beyond, it is not read from. Default 32. */
  concurrentCalls: number;
  /** Bytes of them, unless a single one has more. Default 1 MiB. */
  concurrentBytes: number;
  /** Bytes that may wait in the socket before stream updates queue up instead. Default 64 KiB. */
  highWaterBytes: number;
}

/** One client's WebSocket, as long as it is open. */
export interface Connection {
  readonly principal: Principal;
  /** Ends it if it gave no sign of life since the last call, else asks for one. */
  checkAlive(): void;
  terminate(): void;
}

/**
 * Answers the calls of one socket and writes its stream updates. A call counts as under way until its
 * answer has left for the network, so a client that does not read its answers is not read from either.
 */
export function createConnection(deps: {
  ws: WebSocket;
  id: string;
  principal: Principal;
  /** How the peer came. */
  caller: Caller;
  dispatcher: Dispatcher;
  streams: Streams;
  limits: ConnectionLimits;
  /** Shared by all sockets. */
  room: Room;
}): Connection {
  const { ws, principal, caller, dispatcher, streams, limits, room } = deps;
  /** Frames that had come in when reading was paused: at most what one chunk from the network holds. */
  const backlog: Buffer[] = [];
  let underWay = 0;
  let bytesUnderWay = 0;
  /** Those of them whose answer is not there yet. */
  let working = 0;
  let alive = true;

  const session: StreamSession = {
    id: deps.id,
    principal,
    writable: () => ws.readyState === ws.OPEN && ws.bufferedAmount < limits.highWaterBytes,
    send: (text) => ws.send(text, () => streams.drain(session)),
  };

  const context: RpcContext = { principal, ...caller, session };

  const mayStart = (body: Buffer): boolean =>
    underWay === 0 ||
    (underWay < limits.concurrentCalls && bytesUnderWay + body.length <= limits.concurrentBytes);

  const ended = (body: Buffer): void => {
    underWay -= 1;
    bytesUnderWay -= body.length;
    alive = true;
    for (let [next] = backlog; next && mayStart(next); [next] = backlog) {
      backlog.shift();
      start(next);
    }
    if (backlog.length === 0 && ws.isPaused && ws.readyState === ws.OPEN) ws.resume();
    // An answer took room that waiting updates may have now.
    streams.drain(session);
  };

  const answer = async (body: Buffer): Promise<string | undefined> => {
    // Its sender may have left while it waited.
    if (ws.readyState !== ws.OPEN) return undefined;
    return dispatcher.handle(body, context);
  };

  const start = (body: Buffer): void => {
    bytesUnderWay += body.length;
    working += 1;
    room.enter(body.length, isBusy(underWay++, principal), (leave) => {
      void answer(body).then((text) => {
        leave();
        working -= 1;
        if (text === undefined || ws.readyState !== ws.OPEN) ended(body);
        else ws.send(text, () => ended(body));
      });
    });
  };

  ws.on('message', (data: RawData) => {
    alive = true;
    const body = data as Buffer;
    if (backlog.length === 0 && mayStart(body)) start(body);
    else backlog.push(body);
    if (backlog.length > 0 || underWay >= limits.concurrentCalls) ws.pause();
  });
  ws.on('pong', () => {
    alive = true;
  });
  // What goes wrong with a socket ends it, and its end is handled by `close`.
  ws.on('error', (error: Error & { code?: string }) => {
    // A broken connection is nobody's fault; a message that breaks the rules of WebSocket is.
    if (!error.code?.startsWith('WS_ERR')) return;
    const refusal = new RpcError(ErrorCode.InvalidRequest, `unreadable: ${error.message}`);
    dispatcher.refuse(refusal, context);
  });
  ws.once('close', () => {
    backlog.length = 0;
    streams.drop(session);
  });

  return {
    principal,
    checkAlive() {
      // A paused socket's pongs are not read. If calls hold it up they have deadlines; if only answers
      // that nobody reads do, it is dead.
      if (!alive && !(ws.isPaused && working > 0)) {
        ws.terminate();
        return;
      }
      alive = false;
      if (ws.readyState === ws.OPEN) ws.ping();
    },
    terminate: () => ws.terminate(),
  };
}
