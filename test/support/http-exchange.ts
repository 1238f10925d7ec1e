import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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
  /** An object is sent as JSON; an iterable piece by piece, and where it throws the connection breaks. */
  body?: string | object | Iterable<string> | AsyncIterable<string>;
}

/** Answers a request, or undefined to leave it without an answer. */
export type HttpHandler = (request: HttpRequest) => HttpAnswer | undefined;

export interface HttpServerUnderTest {
  port: number;
  /** How many requests were given up before they had their whole answer. */
  abandoned: () => number;
  close: () => Promise<void>;
}

/** An HTTP server on the loopback that hands whole requests to a handler. */
export async function startHttpServer(handle: HttpHandler): Promise<HttpServerUnderTest> {
  let abandoned = 0;
  const server = createServer((message, response) => {
    response.on('close', () => {
      if (!response.writableEnded) abandoned += 1;
    });
    void exchange(message, response, handle);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    abandoned: () => abandoned,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function exchange(
  message: IncomingMessage,
  response: ServerResponse,
  handle: HttpHandler,
): Promise<void> {
  try {
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
  } catch {
    response.destroy();
  }
}

async function send(
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
): Promise<void> {
  if (typeof body === 'object' && (Symbol.iterator in body || Symbol.asyncIterator in body)) {
    response.writeHead(status, headers);
    await pipeline(Readable.from(body), response);
    return;
  }
  const isText = typeof body !== 'object';
  const type = isText ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers });
  response.end(isText ? body : JSON.stringify(body));
}
