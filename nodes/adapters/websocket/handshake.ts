import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { bearerKey } from '../http/credentials.ts';
import { protectiveHeaders } from '../http/front-guard.ts';

/** The subprotocol a client agrees on when it sends its key as one. */
export const subprotocol = 'llm-iot';
const keyPrefix = 'bearer.';

/** The path of a request target, without its query. */
export function pathOf(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/';
}

/** The key a client shows: by the Authorization header, or as the subprotocol `bearer.<key>` where it cannot set headers. */
export function keyOf(req: IncomingMessage): string | undefined {
  const offered = (req.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim());
  return (
    bearerKey(req.headers) ??
    offered.find((name) => name.startsWith(keyPrefix))?.slice(keyPrefix.length)
  );
}

const statusTexts = {
  401: 'Unauthorized',
  403: 'Forbidden',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/**
 * Answers an upgrade request with an error and closes the connection.
 * @param more further headers, such as `WWW-Authenticate`
 */
export function refuseUpgrade(
  socket: Duplex,
  status: keyof typeof statusTexts,
  reason: string,
  more: Record<string, string> = {},
): void {
  const headers = Object.entries({ ...protectiveHeaders, ...more }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${statusTexts[status]}\r\n${headers.join('')}` +
      'Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  );
}
