import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** One HTTP exchange with the hub. */
export interface Exchange {
  status: number;
  headers: IncomingMessage['headers'];
  /** The messages of the answer, as they come in: one for JSON, any number for a stream. */
  messages: AsyncIterable<unknown>;
}

/** The hub was not reached at all: nothing was asked of it. */
export class Unreachable extends Error {}

const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const mostBytes = 16_777_216;

/**
 * Sends a message, or opens the stream of a session where there is none to send.
 * @throws Unreachable when no connection came about, Error when it broke
 */
export function exchange(
  url: URL,
  options: {
    method: 'POST' | 'GET' | 'DELETE';
    headers: Record<string, string>;
    body?: string;
    signal: AbortSignal;
  },
): Promise<Exchange> {
  const { body, ...rest } = options;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const req = send(url, rest, (res) => {
      const type = res.headers['content-type'] ?? '';
      resolve({
        status: res.statusCode ?? 0,
        headers: res.headers,
        messages: type.startsWith('text/event-stream') ? events(res) : json(res),
      });
    });
    req.on('error', (error: NodeJS.ErrnoException) => {
      reject(unsent.has(error.code ?? '') ? new Unreachable(error.message) : error);
    });
    req.end(body);
  });
}

async function* json(res: IncomingMessage): AsyncGenerator {
  let text = '';
  res.setEncoding('utf8');
  for await (const chunk of res) {
    text += chunk as string;
    if (text.length > mostBytes) throw new Error('the answer is too large');
  }
  if (text.trim() !== '') yield JSON.parse(text);
}

/** Server-sent events whose data are JSON. */
async function* events(res: IncomingMessage): AsyncGenerator {
  let rest = '';
  res.setEncoding('utf8');
  for await (const chunk of res) {
    rest += (chunk as string).replaceAll('\r\n', '\n');
    if (rest.length > mostBytes) throw new Error('a message is too large');
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n');
      if (data !== '') yield JSON.parse(data);
    }
  }
}
