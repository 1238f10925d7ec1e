import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { isObject } from '../../../core/document.ts';
import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';

/** A server that speaks HTTP, as errors call it and requests reach it. */
export interface HttpServer {
  /** As `serverUrl` gives it. */
  url: string;
  /** For people. */
  name: () => string;
  /** For each request, from its first to its last byte. */
  timeoutMs: number;
  /** Aborted when what is under way has to end. */
  closing: AbortSignal;
}

/** An answer that is no success and will be the same next time. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly statusCode: number;
  readonly body: string;
  /** The sentence in the body that says what is wrong. */
  readonly reason: string;

  constructor(statusCode: number, body: string) {
    const reason = reasonIn(body);
    super(`${statusCode}: ${excerpt(reason)}`);
    this.statusCode = statusCode;
    this.body = body;
    this.reason = reason;
  }
}

/** An answer that is longer than is read. */
export class LimitError extends Error {
  override name = 'LimitError';
}

const pack = promisify(gzip);
const packedFrom = 1_000;
const largestDocument = 4 * 1024 * 1024;
/** Too many requests, and a gateway or server that is not there for the moment. */
const passing = [408, 425, 429];

/** The address without a slash at its end. @throws Error that says what is wrong with it */
export function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new Error(`url must be http://… or https://…; ${JSON.stringify(text)} is not`);
  if (url.username || url.password)
    throw new Error('url must not hold a user name or password; give a token');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Ends when a request's time is over or the server is being closed. */
export const requestSignal = ({ timeoutMs, closing }: HttpServer): AbortSignal =>
  AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]);

/** A bounded document in answer to JSON or, if it is a text, to that text. */
export async function request(
  server: HttpServer,
  method: 'GET' | 'POST',
  path: string,
  options: { body?: string | object; authorization?: string } = {},
): Promise<string> {
  try {
    const { headers, content } = await contentOf(options);
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers,
      redirect: 'manual',
      signal: requestSignal(server),
      ...(content !== undefined && { body: content }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of limited(response.body ?? [], largestDocument)) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (!response.ok) throw new Refusal(response.status, text);
    return text;
  } catch (error) {
    throw failureOf(error, server);
  }
}

/** The time limit of a request is over. */
export class TookTooLong extends RemoteUnavailable {
  constructor(server: string, limitMs: number) {
    super(`${server} has not answered within ${limitMs} ms`);
  }
}

/** What a request that did not succeed means: `RemoteUnavailable`, a `Refusal`, or an Error for good. */
export function failureOf(error: unknown, server: HttpServer): Error {
  if (error instanceof RemoteUnavailable) return error;
  const name = server.name();
  if (error instanceof Refusal) {
    const { statusCode, message } = error;
    return statusCode >= 500 || passing.includes(statusCode)
      ? new RemoteUnavailable(`${name} answers ${message}`)
      : error;
  }
  if (error instanceof LimitError) return new Error(`${name} ${error.message}`);
  if (server.closing.aborted) return new RemoteUnavailable(`${name} is closed`);
  const { name: kind, message, cause } = error as Error;
  if (kind === 'TimeoutError' || kind === 'AbortError')
    return new TookTooLong(name, server.timeoutMs);
  const reason = cause instanceof Error ? cause.message : message;
  return new RemoteUnavailable(`${name} does not answer: ${excerpt(reason)}`);
}

/** Passes chunks on until there are too many bytes, altogether or without an end of line. */
export async function* limited(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  most: number,
  longestLine = Infinity,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  let line = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    const end = chunk.lastIndexOf(10);
    line = end < 0 ? line + chunk.length : chunk.length - end;
    if (total > most || line > longestLine)
      throw new LimitError(`answers with more than ${Math.min(most, longestLine)} bytes at once`);
    yield chunk;
  }
}

/** A document of JSON; undefined for anything else. */
export function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonIn(body: string): string {
  const document = parseDocument(body);
  if (!isObject(document)) return body;
  const { message, error } = document;
  if (typeof message === 'string') return message;
  return typeof error === 'string' ? error : body;
}

/** The beginning of what a server said. */
export const excerpt = (text: string): string => text.slice(0, 300);

async function contentOf({
  body,
  authorization,
}: {
  body?: string | object;
  authorization?: string;
}) {
  const headers: Record<string, string> = { ...(authorization && { authorization }) };
  if (body === undefined) return { headers };
  const isText = typeof body === 'string';
  headers['content-type'] = isText ? 'text/plain; charset=utf-8' : 'application/json';
  const text = isText ? body : JSON.stringify(body);
  if (text.length < packedFrom) return { headers, content: text };
  headers['content-encoding'] = 'gzip';
  return { headers, content: await pack(text) };
}
