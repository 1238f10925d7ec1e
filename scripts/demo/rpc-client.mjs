// A JSON-RPC 2.0 client as an LLM's tool layer would have one: POST /rpc, and WebSocket /ws.
import { WebSocket } from 'ws';
import { within } from './mqtt-connection.mjs';
import { RpcFailure } from './rpc-failure.mjs';

/**
 * @typedef {{ depth?: number, items?: number }} Limits how much of the answer is shown
 * @typedef {(method: string, params?: object, limits?: Limits) => Promise<any>} Call rejects with RpcFailure
 */

/**
 * @typedef {object} Caller
 * @property {string} url of the hub
 * @property {string} key
 * @property {import('./transcript.mjs').Transcript} transcript
 * @property {() => number} nextId one numbering for both transports, so that a reader can follow
 */

/** @param {Caller} caller @returns {Call} */
export function createHttpClient({ url, key, transcript, nextId }) {
  return async (method, params, limits) => {
    const request = { jsonrpc: '2.0', id: nextId(), method, ...(params && { params }) };
    transcript.sent(request, 'http');
    const response = await post(`${url}/rpc`, key, request);
    const text = await response.text();
    const answer = parse(text);
    if (!answer)
      throw new Error(
        `${url}/rpc answered HTTP ${response.status} without JSON: ${text.slice(0, 200)}`,
      );
    transcript.received(answer, limits);
    if (answer.error) throw new RpcFailure(method, answer.error);
    return answer.result;
  };
}

/** @param {string} url @param {string} key @param {object} request @param {Record<string, string>} [headers] */
export async function post(url, key, request, headers = {}) {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    const { cause, message } = /** @type {{ cause?: { code?: string }, message: string }} */ (
      error
    );
    const hint = cause?.code === 'ECONNREFUSED' ? '. Start the hub first: npm start' : '';
    throw new Error(`No answer from ${url}: ${cause?.code ?? message}${hint}`, { cause: error });
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @typedef {object} LiveClient
 * @property {Call} call
 * @property {(listener: (update: any) => void) => () => void} onUpdate hears every `stream.update`; the answer ends it
 * @property {() => void} close
 */

/** @param {Caller} caller @returns {Promise<LiveClient>} */
export async function openWebSocket({ url, key, transcript, nextId }) {
  const address = `${url.replace(/^http/, 'ws')}/ws`;
  const socket = new WebSocket(address, { headers: { authorization: `Bearer ${key}` } });
  /** @type {Map<number, (answer: any) => void>} */
  const waiting = new Map();
  /** @type {Set<(update: any) => void>} */
  const listeners = new Set();

  socket.on('message', (data) => {
    const message = JSON.parse(data.toString());
    if (message.method) for (const listener of listeners) listener(message);
    else waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  await within(
    new Promise((resolve, reject) => {
      socket.once('open', () => resolve(undefined));
      socket.on('error', (error) =>
        reject(new Error(`No WebSocket at ${address}: ${error.message}`)),
      );
    }),
    `${address} did not open`,
  );

  return {
    async call(method, params, limits) {
      const request = { jsonrpc: '2.0', id: nextId(), method, params };
      const answered = new Promise((resolve) => waiting.set(request.id, resolve));
      transcript.sent(request, 'ws');
      socket.send(JSON.stringify(request));
      const answer = await within(answered, `${address} did not answer ${method}`);
      transcript.received(answer, limits);
      if (answer.error) throw new RpcFailure(method, answer.error);
      return answer.result;
    },
    onUpdate(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => socket.close(),
  };
}
