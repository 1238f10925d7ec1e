import { isObject, type JsonObject } from '../../core/document.ts';
import { exchange, Unreachable, type Exchange } from './exchange.ts';

/** A bridge between a client that speaks MCP over standard input and output and the hub's endpoint. */
export interface Bridge {
  /** Takes one message of the client. */
  take: (message: unknown) => void;
  /** Waits a moment for answers, then ends what is under way, and the session. */
  close: () => Promise<void>;
}

/** So long a hub that is away is tried again before a request is answered with an error. */
const patienceMs = 30_000;
const firstWaitMs = 250;
const longestWaitMs = 5_000;
const partingMs = 1_000;
const internalError = -32_603;
const sessionHeader = 'mcp-session-id';
const envelopeVersion = 'io.modelcontextprotocol/protocolVersion';

type Id = string | number;

/**
 * Passes messages on, both ways and unchanged. What belongs to HTTP alone is added and taken off here: the key, the
 * session, the headers of revision 2026-07-28, whose requests are cancelled by cutting them. A session that ended, as
 * when the hub was started anew, is opened again with its subscriptions, and nobody notices.
 */
export function createBridge(deps: {
  url: URL;
  key: string | undefined;
  write: (message: object) => void;
  log: (text: string) => void;
}): Bridge {
  const { url, key, write, log } = deps;
  const closing = new AbortController();
  const underWay = new Map<Id, AbortController>();
  const answers = new Set<Promise<void>>();
  const followed = new Set<string>();
  let opening: JsonObject | undefined;
  let session: string | undefined;
  let version: string | undefined;
  let reopening: Promise<void> | undefined;
  let stream: AbortController | undefined;
  const isOpen = (): boolean => session !== undefined;

  const headersFor = (message?: JsonObject): Record<string, string> => {
    const { method, params } = message ?? {};
    const meta = isObject(params) ? params['_meta'] : undefined;
    const claimed = isObject(meta) ? meta[envelopeVersion] : undefined;
    const own = typeof claimed === 'string' ? claimed : version;
    const { name, uri } = (isObject(params) ? params : {}) as { name?: unknown; uri?: unknown };
    const subject = typeof name === 'string' ? name : uri;
    return {
      accept: 'application/json, text/event-stream',
      ...(message && { 'content-type': 'application/json' }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(own !== undefined && method !== 'initialize' && { 'mcp-protocol-version': own }),
      ...(claimed === undefined && session !== undefined && { [sessionHeader]: session }),
      ...(claimed !== undefined && {
        'mcp-method': String(method),
        ...(typeof subject === 'string' && { 'mcp-name': headerText(subject) }),
      }),
    };
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, ms);
      closing.signal.addEventListener('abort', end, { once: true });
    });

  /** Posts a message; tries again as long as the hub cannot be reached at all. */
  const post = async (message: JsonObject, signal: AbortSignal): Promise<Exchange> => {
    const body = JSON.stringify(message);
    const until = Date.now() + patienceMs;
    for (let wait = firstWaitMs; ; wait = Math.min(wait * 2, longestWaitMs)) {
      try {
        return await exchange(url, { method: 'POST', headers: headersFor(message), body, signal });
      } catch (error) {
        if (!(error instanceof Unreachable) || signal.aborted || Date.now() + wait > until)
          throw error;
        log(`the hub cannot be reached, trying again: ${error.message}`);
        await pause(wait);
      }
    }
  };

  /** Opens a session as the client did, and takes up what it follows. */
  const reopen = (): Promise<void> => {
    reopening ??= (async () => {
      const message = opening;
      if (!message) throw new Error('there is no session to open again');
      session = undefined;
      const opened = await post({ ...message, id: 'reopen' }, closing.signal);
      noteSession(opened);
      for await (const answer of opened.messages) noteVersion(answer);
      if (!isOpen()) throw new Error(`the hub answered ${opened.status}`);
      log('the session was opened again');
      const tell = async (method: string, params?: object): Promise<void> => {
        const id = method.startsWith('notifications/') ? {} : { id: `reopen ${method}` };
        const told = await post(
          { jsonrpc: '2.0', ...id, method, ...(params && { params }) },
          closing.signal,
        );
        for await (const _answer of told.messages); // the client has had its own
      };
      await tell('notifications/initialized');
      for (const uri of followed) await tell('resources/subscribe', { uri });
      listen();
    })().finally(() => {
      reopening = undefined;
    });
    return reopening;
  };

  const noteSession = ({ headers }: Exchange): void => {
    const id = headers[sessionHeader];
    if (typeof id === 'string') session = id;
  };
  const noteVersion = (answer: unknown): void => {
    const result = isObject(answer) ? answer['result'] : undefined;
    const agreed = isObject(result) ? result['protocolVersion'] : undefined;
    if (typeof agreed === 'string') version = agreed;
  };

  /** Keeps the stream of the session open, on which the hub speaks without being asked. */
  const listen = (): void => {
    stream?.abort();
    const own = new AbortController();
    stream = own;
    const signal = AbortSignal.any([own.signal, closing.signal]);
    const keepOpen = async (): Promise<void> => {
      for (let wait = firstWaitMs; !signal.aborted; wait = Math.min(wait * 2, longestWaitMs)) {
        try {
          const { status, messages } = await exchange(url, {
            method: 'GET',
            headers: headersFor(),
            signal,
          });
          if (status === 405) return;
          if (status === 404) {
            await reopen();
            return;
          }
          if (status === 200) {
            wait = firstWaitMs;
            for await (const message of messages) write(message as object);
          }
        } catch (error) {
          if (closing.signal.aborted || own.signal.aborted) return;
          log(`the stream broke: ${textOf(error)}`);
        }
        await pause(wait);
      }
    };
    keepOpen().catch((error: unknown) => log(textOf(error)));
  };

  const fail = ({ id, method }: JsonObject, reason: string, given?: unknown): void => {
    log(`${String(method)}: ${reason}`);
    if (id === undefined || method === undefined) return;
    const error = isObject(given) ? given : { code: internalError, message: reason };
    write({ jsonrpc: '2.0', id, error });
  };

  /** Hands on what the hub answers to a message; whether its own answer was there. */
  const passBack = async (message: JsonObject, answered: Exchange): Promise<boolean> => {
    const { id, method } = message;
    let isAnswered = false;
    for await (const answer of answered.messages) {
      if (!isObject(answer)) continue;
      if (method === 'initialize') noteVersion(answer);
      const isIts = answer['id'] === id && answer['method'] === undefined;
      if (answered.status >= 400 && !isIts) {
        // What is refused before it is read has no id.
        fail(message, `the hub answered ${answered.status}`, answer['error']);
        return true;
      }
      isAnswered ||= isIts;
      write(answer);
    }
    return isAnswered;
  };

  const pass = async (message: JsonObject, isRetry = false): Promise<void> => {
    const { id, method } = message;
    const isRequest = id !== undefined && method !== undefined;
    const own = new AbortController();
    if (isRequest) underWay.set(id as Id, own);
    const signal = AbortSignal.any([own.signal, closing.signal]);
    try {
      const answered = await post(message, signal);
      if (answered.status === 404 && session !== undefined && opening && !isRetry) {
        await reopen();
        await pass(message, true);
        return;
      }
      if (method === 'initialize') noteSession(answered);
      const isAnswered = await passBack(message, answered);
      if (isRequest && !isAnswered)
        fail(message, `the hub answered ${answered.status} and no message`);
      if (method === 'notifications/initialized' && isOpen()) listen();
    } catch (error) {
      if (closing.signal.aborted || own.signal.aborted) return;
      const reason =
        error instanceof Unreachable
          ? `the hub cannot be reached: ${error.message}`
          : `the connection broke, and whether it was done is not known: ${textOf(error)}`;
      fail(message, reason);
    } finally {
      if (underWay.get(id as Id) === own) underWay.delete(id as Id);
    }
  };

  /** Cutting the request is how revision 2026-07-28 cancels. */
  const cut = ({ method, params }: JsonObject): boolean => {
    if (method !== 'notifications/cancelled' || session !== undefined) return false;
    const requestId = isObject(params) ? params['requestId'] : undefined;
    underWay.get(requestId as Id)?.abort();
    return true;
  };

  return {
    take(message) {
      if (!isObject(message)) {
        log('what came in is no message');
        return;
      }
      if (cut(message)) return;
      const { method, params } = message;
      const uri = isObject(params) ? params['uri'] : undefined;
      if (method === 'initialize') opening = message;
      if (method === 'resources/subscribe' && typeof uri === 'string') followed.add(uri);
      if (method === 'resources/unsubscribe' && typeof uri === 'string') followed.delete(uri);
      const passed = pass(message).finally(() => answers.delete(passed));
      // A stream has no answer before its end.
      if (method !== 'subscriptions/listen') answers.add(passed);
    },
    async close() {
      await Promise.race([Promise.all(answers), pause(partingMs)]);
      const headers = headersFor();
      closing.abort();
      if (session === undefined) return;
      const signal = AbortSignal.timeout(partingMs);
      await exchange(url, { method: 'DELETE', headers, signal }).catch(() => undefined);
    },
  };
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A header holds ASCII; anything else goes as base64, marked so (SEP-2243). */
function headerText(text: string): string {
  return /^[!-~]([ -~]*[!-~])?$/.test(text) && !text.startsWith('=?base64?')
    ? text
    : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
