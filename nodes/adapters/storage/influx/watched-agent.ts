import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { LimitError } from './influx-http.ts';

/** Connections of a library that waits for ever when an answer breaks off, and gathers it whatever its size. */
export interface WatchedAgent {
  readonly agent: HttpAgent;
  /**
   * Makes a request and gives its outcome, or rejects when the connection it uses closes before or brings too much.
   * @param request sends the request before it returns
   */
  watch<T>(request: () => Promise<T>): Promise<T>;
  close(): void;
}

/** One request and what came for it. */
interface Exchange {
  bytes: number;
  fail: (error: Error) => void;
}

export function createWatchedAgent(isSecure: boolean, largestAnswer: number): WatchedAgent {
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const connect = agent.createConnection.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  const exchanges = new WeakMap<Duplex, Exchange>();
  /** The one whose request is just being sent. */
  let current: Exchange | undefined;

  const assign = (socket: Duplex): void => {
    if (current) exchanges.set(socket, current);
  };
  agent.createConnection = (...call) => {
    const socket = connect(...call);
    if (!socket) return socket;
    assign(socket);
    socket.on('data', (chunk: Buffer) => {
      const exchange = exchanges.get(socket);
      if (!exchange) return;
      exchange.bytes += chunk.length;
      if (exchange.bytes <= largestAnswer) return;
      exchange.fail(new LimitError(`answers with more than ${largestAnswer} bytes at once`));
      socket.destroy();
    });
    socket.on('close', () => {
      // Later than what the library has to say of it, which says more.
      setImmediate(() => exchanges.get(socket)?.fail(new Error('the connection was closed')));
    });
    return socket;
  };
  agent.reuseSocket = (socket, request) => {
    assign(socket);
    reuse(socket, request);
  };

  return {
    agent,
    watch(request) {
      const { promise: failed, reject } = Promise.withResolvers<never>();
      current = { bytes: 0, fail: reject };
      try {
        return Promise.race([request(), failed]);
      } finally {
        current = undefined;
      }
    },
    close: () => agent.destroy(),
  };
}
