// A device that reports by telemetry.update over HTTP or WebSocket, and sends again what was not taken.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { fates, timeOf, valueOf } from './journal.mjs';
import { between } from './mqtt-reporter.mjs';

/** Codes of what would be refused again: the readings themselves are wrong. */
const refusedForGood = new Set([-32602, -32004]);

/**
 * @param {object} options
 * @param {{ call(method: string, params: object): Promise<any>, close(): void }} options.client
 * @param {{ id: string, key: string }} options.device
 * @param {import('./journal.mjs').OpenJournal} options.journal
 * @param {number} options.window readings in flight
 * @param {number} options.batch readings of one call
 * @param {[number, number]} options.reconnectMs waits for a random time between these before it tries again
 * @param {import('./mqtt-reporter.mjs').Telling} options.tell
 * @returns {import('./mqtt-reporter.mjs').Reporter}
 */
export function createRpcReporter({ client, device, journal, window, batch, reconnectMs, tell }) {
  let waiting = 0;
  let ended = false;

  const paramsOf = (/** @type {readonly number[]} */ numbers) => ({
    device_id: device.id,
    data: {
      live_readings: numbers.map((n) => ({
        measurement_type: 'temperature',
        value: valueOf(n),
        unit: 'celsius',
        timestamp: timeOf(journal, n),
      })),
    },
  });
  /** @param {readonly number[]} numbers @param {number} sentAt */
  const send = async (numbers, sentAt) => {
    try {
      const { accepted, rejected } = await client.call('telemetry.update', paramsOf(numbers));
      settle(numbers, accepted, rejected, sentAt);
      waiting -= numbers.length;
      tell.roomy();
    } catch (error) {
      if (ended) return;
      const text = error instanceof Error ? error.message : String(error);
      const code = Number(/"code":(-\d+)/.exec(text)?.[1]);
      tell.trouble(code ? String(code) : 'connection lost');
      if (refusedForGood.has(code)) {
        for (const n of numbers) journal.note(n, fates.refused);
        waiting -= numbers.length;
      } else setTimeout(() => void send(numbers, sentAt), between(reconnectMs));
    }
  };
  /**
   * @param {readonly number[]} numbers @param {number} accepted @param {{ index: number, code: number }[]} rejected
   * @param {number} sentAt
   */
  const settle = (numbers, accepted, rejected, sentAt) => {
    const out = new Set(rejected.map(({ index }) => index));
    if (accepted + out.size !== numbers.length)
      tell.trouble(`${accepted} accepted and ${out.size} rejected of ${numbers.length}`);
    numbers.forEach((n, index) => {
      journal.note(n, out.has(index) ? fates.refused : fates.acknowledged);
    });
    for (const { code } of rejected) tell.trouble(`refused: ${code}`);
    tell.acknowledged(accepted, sentAt);
  };

  return {
    start: () => tell.roomy(),
    room: () => window - waiting,
    report(count) {
      waiting += count;
      for (let left = count; left > 0; left -= batch) {
        const numbers = Array.from({ length: Math.min(batch, left) }, () => journal.next());
        void send(numbers, performance.now());
      }
    },
    waiting: () => waiting,
    // The hub answers every call within its timeout.
    check: () => undefined,
    end() {
      ended = true;
      client.close();
    },
  };
}

/** Longer than the hub takes for any answer. */
const callMs = 30_000;

/** Calls over HTTP; whatever else than a result comes back rejects. @param {string} url of the hub @param {string} key */
export const createHttpClient = (url, key) => ({
  /** @param {string} method @param {object} params */
  async call(method, params) {
    const response = await fetch(`${url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(callMs),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(JSON.stringify(error));
    return result;
  },
  close: () => undefined,
});

/**
 * Calls over a WebSocket, which is opened again when it was lost.
 * @param {string} url of the hub @param {string} key
 */
export function createSocketClient(url, key) {
  /** @type {Promise<WebSocket> | undefined} */
  let opening;
  /** @type {Map<number, PromiseWithResolvers<any>>} */
  const calls = new Map();
  let nextId = 1;

  const open = async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
    });
    socket.on('message', (data) => {
      const { id, result, error } = JSON.parse(data.toString());
      if (error) calls.get(id)?.reject(new Error(JSON.stringify(error)));
      else calls.get(id)?.resolve(result);
      calls.delete(id);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      opening = undefined;
      for (const { reject } of calls.values()) reject(new Error('the connection was lost'));
      calls.clear();
    });
    await Promise.race([
      once(socket, 'open'),
      once(socket, 'close').then(() => Promise.reject(new Error('no connection'))),
    ]);
    return socket;
  };
  return {
    /** @param {string} method @param {object} params */
    async call(method, params) {
      const socket = await (opening ??= open());
      const id = nextId++;
      const answer = Promise.withResolvers();
      calls.set(id, answer);
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return answer.promise;
    },
    close: () => void opening?.then((socket) => socket.terminate()).catch(() => undefined),
  };
}
