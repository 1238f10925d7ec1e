import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What one connection may have under way. */
export interface TurnLimits {
  /** Calls; each is under way until its answer has left for the network. */
  calls: number;
  /** Bytes of their bodies, unless a single one has more. */
  bytes: number;
}

interface Turn {
  bytes: number;
  work: Work;
}

/** @param underWay calls that its connection has under way besides it */
type Work = (underWay: number) => void;

interface Connection {
  calls: number;
  bytes: number;
  /** What had come in when reading was paused: about what one chunk from the network holds. */
  waiting: Turn[];
}

/**
 * Bounds what one connection has under way: HTTP lets a client send requests without waiting for answers. Beyond the
 * limits requests wait in their order, and the connection is not read from.
 */
export function createTurns(
  limits: TurnLimits,
): (req: IncomingMessage, res: ServerResponse, work: Work) => void {
  const connections = new WeakMap<Socket, Connection>();

  const connectionOf = (socket: Socket): Connection => {
    const known = connections.get(socket);
    if (known) return known;
    const connection: Connection = { calls: 0, bytes: 0, waiting: [] };
    connections.set(socket, connection);
    // The server resumes reading whenever it has read a request to its end.
    socket.on('resume', () => {
      if (connection.waiting.length > 0) socket.pause();
    });
    return connection;
  };
  const mayBegin = ({ calls, bytes }: Connection, turn: Turn): boolean =>
    calls === 0 || (calls < limits.calls && bytes + turn.bytes <= limits.bytes);
  const begin = (connection: Connection, { bytes, work }: Turn): void => {
    connection.bytes += bytes;
    work(connection.calls++);
  };
  const end = (socket: Socket, connection: Connection, { bytes }: Turn): void => {
    connection.calls -= 1;
    connection.bytes -= bytes;
    // Nobody is there any more to read an answer.
    if (socket.destroyed) connection.waiting.length = 0;
    for (let [next] = connection.waiting; next; [next] = connection.waiting) {
      if (!mayBegin(connection, next)) return;
      connection.waiting.shift();
      begin(connection, next);
    }
    if (socket.isPaused()) socket.resume();
  };

  return ({ socket, headers }, res, work) => {
    const connection = connectionOf(socket);
    const turn = { bytes: Number(headers['content-length'] ?? 0) || 0, work };
    res.once('close', () => end(socket, connection, turn));
    if (connection.waiting.length === 0 && mayBegin(connection, turn)) {
      begin(connection, turn);
      return;
    }
    connection.waiting.push(turn);
    socket.pause();
  };
}
