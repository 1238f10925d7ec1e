import { isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls';
import type { ClientCertificate } from '../../core/security/authentication.ts';
import { failureOf } from '../tls/handshake.ts';

/** Where clients come in. */
export interface Door {
  server: Server;
  url: string;
  /** Takes nobody more; resolves when all have left. */
  close(): Promise<void>;
}

/** How MQTT is served over TLS. */
export interface SecureDoor {
  host: string;
  /** 0 takes a free port. */
  port: number;
  options(): TlsOptions;
  /** Told when connections from now on need another context; the answer stops that. */
  onChange(listener: (context: SecureContextOptions) => void): () => void;
  /** The certificate of a connection, unless it is not taken. */
  certificateOf(socket: Duplex): ClientCertificate | undefined;
  /** A handshake failed; tells why. */
  onFailure(failure: ReturnType<typeof failureOf>): void;
}

/** @throws Error when the port cannot be listened on */
export async function openDoor(
  server: Server,
  scheme: 'mqtt' | 'mqtts',
  host: string,
  port: number,
): Promise<Door> {
  await listen(server, port, host);
  const { port: taken } = server.address() as AddressInfo;
  return {
    server,
    url: `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${taken}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/**
 * Serves MQTT over TLS. A socket counts from the moment it is opened, and is cut when its handshake takes too long.
 * @throws Error when the port cannot be listened on
 */
export async function openSecureDoor(
  secure: SecureDoor,
  deps: {
    socketOptions: object;
    arrive: (socket: Socket) => boolean;
    serve: (socket: Socket) => void;
    warn: (text: string) => void;
  },
): Promise<Door> {
  const options = { ...deps.socketOptions, ...secure.options(), ALPNProtocols: ['mqtt'] };
  const server = createTlsServer(options);
  const addresses = new WeakMap<Socket, string>();
  server.on('connection', (socket: Socket) => {
    addresses.set(socket, socket.remoteAddress ?? '');
    deps.arrive(socket);
  });
  server.on('secureConnection', (socket) => {
    // One that is revoked is cut here.
    secure.certificateOf(socket);
    if (!socket.destroyed) deps.serve(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    const failure = failureOf(socket, error, (below) => addresses.get(below));
    deps.warn(`TLS handshake of ${failure.address} failed: ${failure.reason}`);
    secure.onFailure(failure);
    socket.destroy();
  });
  const stop = secure.onChange((context) => server.setSecureContext(context));
  const door = await openDoor(server, 'mqtts', secure.host, secure.port);
  return {
    ...door,
    close() {
      stop();
      return door.close();
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'another program uses this port' : error.message;
      reject(new Error(`cannot listen for MQTT on ${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
