import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface SlowClientLimits {
  /** Milliseconds until the headers of the first request must have come in. Default 10,000. */
  firstRequestMs: number;
  /** The same for the headers of later requests; Node looks every 30 seconds. Default 20,000. */
  headersMs: number;
  /** Most headers of a request. Default 100. */
  headers: number;
}

const defaults: SlowClientLimits = { firstRequestMs: 10_000, headersMs: 20_000, headers: 100 };

/** Cuts connections whose headers do not come in, and tells what is open of whom. */
export interface SlowClients {
  /** The headers of a request have come in. */
  spoke(socket: Socket): void;
  /** Asked for each new connection: what to call when it has spoken or ended, or undefined to cut it. */
  onOpen: (address: string) => (() => void) | undefined;
}

/** Watches the connections of a server from now on. @param limits of the server; its own are kept where they are lower */
export function watchSlowClients(
  server: Server,
  given: Partial<SlowClientLimits> = {},
): SlowClients {
  const limits = { ...defaults, ...given };
  const waiting = new WeakMap<Socket, () => void>();
  server.headersTimeout = Math.min(server.headersTimeout, limits.headersMs);
  server.maxHeadersCount = limits.headers;

  const clients: SlowClients = {
    spoke(socket) {
      waiting.get(socket)?.();
      waiting.delete(socket);
    },
    onOpen: () => () => undefined,
  };
  const opened = (socket: Socket): void => {
    const spoken = clients.onOpen(socket.remoteAddress ?? '');
    if (!spoken) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), limits.firstRequestMs);
    timer.unref();
    const end = (): void => {
      clearTimeout(timer);
      spoken();
    };
    waiting.set(socket, end);
    socket.once('close', end);
  };
  // Requests over TLS name the socket of this event.
  server.on('setSecureContext' in server ? 'secureConnection' : 'connection', opened);
  return clients;
}
