import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
  /** Requests that are worked on; each is until its answer has left for the network. */
  underWay: number;
  /** Requests that had come in when reading was paused: about what one chunk from the network holds. */
  waiting: (() => void)[];
}

/**
 * Bounds what one connection has under way: HTTP lets a client send requests without waiting for answers. Beyond
 * `most` requests wait in their order, and the connection is not read from.
 */
export function createTurns(
  most: number,
): (req: IncomingMessage, res: ServerResponse, work: () => void) => void {
  const connections = new WeakMap<Socket, Connection>();

  const end = (socket: Socket, connection: Connection): void => {
    // Nobody is there any more to read an answer.
    if (socket.destroyed) connection.waiting.length = 0;
    const next = connection.waiting.shift();
    if (next) {
      next();
      return;
    }
    connection.underWay -= 1;
    if (socket.isPaused()) socket.resume();
  };

  return ({ socket }, res, work) => {
    let connection = connections.get(socket);
    if (!connection) {
      connection = { underWay: 0, waiting: [] };
      connections.set(socket, connection);
    }
    const held = connection;
    res.once('close', () => end(socket, held));
    if (held.underWay < most) {
      held.underWay += 1;
      work();
    } else {
      held.waiting.push(work);
      socket.pause();
    }
  };
}
