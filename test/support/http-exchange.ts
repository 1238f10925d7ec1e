import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A request as the servers of the tests see it, unpacked. */
export interface HttpRequest {
  method: string;
  path: string;
  params: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface HttpAnswer {
  status: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON; an iterable piece by piece. */
  body?: string | object | Iterable<string>;
}

/** Answers a request, or undefined to leave it without an answer. */
export type HttpHandler = (request: HttpRequest) => HttpAnswer | undefined;

/** An HTTP server on the loopback that hands whole requests to a handler. */
export async function startHttpServer(
  handle: HttpHandler,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((message, response) => void exchange(message, response, handle));
  return { port: await listen(server), close: () => stop(server) };
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

export async function exchange(
  message: IncomingMessage,
  response: ServerResponse,
  handle: HttpHandler,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const packed = message.headers['content-encoding'] === 'gzip';
  const url = new URL(message.url!, 'http://server');
  const answer = handle({
    method: message.method!,
    path: url.pathname,
    params: url.searchParams,
    headers: message.headers,
    body: (packed ? gunzipSync(bytes) : bytes).toString(),
  });
  if (answer) await send(response, answer);
}

async function send(
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
): Promise<void> {
  const isText = typeof body === 'string';
  const isIterable = !isText && body !== undefined && Symbol.iterator in body;
  const type = isText || isIterable ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers });
  if (!isIterable) {
    response.end(isText || body === undefined ? body : JSON.stringify(body));
    return;
  }
  for (const piece of body)
    if (!response.write(piece) && !response.destroyed)
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
  response.end();
}
