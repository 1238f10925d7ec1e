import type { IncomingMessage, ServerResponse } from 'node:http';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import type { Dispatcher } from '../../core/rpc/types.ts';
import type { Authenticate, Caller, Credentials } from '../../core/security/authentication.ts';
import { retryAfterOf } from '../../core/security/refusals.ts';
import type { Principal } from '../../core/security/types.ts';
import { bearerChallenge } from './challenge.ts';
import type { AddressOf } from './client-address.ts';
import { callerOf, credentialsOf, type CertificateOf } from './credentials.ts';
import { readBody } from './read-body.ts';
import { retryAfter } from './retry-after.ts';
import { createRoom, isBusy, type Room } from './room.ts';
import { createTurns } from './turns.ts';

export interface EndpointLimits {
  /** Most bytes of a body. Default 1 MiB. */
  bodyBytes: number;
  /** Milliseconds in which a body must have come in. Default 10,000. */
  bodyMs: number;
  /** Calls of one connection under way at once; beyond, it is not read from. Default 32. */
  concurrentCalls: number;
  /** Bytes of the bodies of all calls under way; beyond, calls wait. Default 8 MiB. */
  bytesUnderWay: number;
  /** The same of devices with several calls under way. Default 16 KiB. */
  busyBytesUnderWay: number;
}

const defaults: EndpointLimits = {
  bodyBytes: 1_048_576,
  bodyMs: 10_000,
  concurrentCalls: 32,
  bytesUnderWay: 8_388_608,
  busyBytesUnderWay: 16_384,
};
/** How long the rest of a refused body is thrown away before the connection is cut, and how much of it. */
const lingerMs = 1000;
const lingerBytes = 1_048_576;

/**
 * `POST /rpc` as a handler for node:http, connect and express. Answers 200 with JSON-RPC (its errors
 * included), 204 where JSON-RPC wants silence, 401 without a valid key, 403 for a call an access token is not enough
 * for, 429 with `Retry-After` for a caller or a call that comes too soon, and 405, 408, 413 or 415 for what never gets as
 * far as JSON-RPC, with a JSON-RPC error as body all the same.
 */
export function createRpcEndpoint(deps: {
  dispatcher: Dispatcher;
  authenticate: Authenticate;
  /** Where clients learn who gives out access tokens. */
  metadataUrl?: string | undefined;
  /** The peer's, unless told. */
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
  limits?: Partial<EndpointLimits>;
}): (req: IncomingMessage, res: ServerResponse) => void {
  const { dispatcher, authenticate } = deps;
  const limits = { ...defaults, ...deps.limits };
  const takeTurn = createTurns({ calls: limits.concurrentCalls, bytes: limits.bodyBytes });
  const room = createRoom({ most: limits.bytesUnderWay, busy: limits.busyBytesUnderWay });

  const refuse = (
    req: IncomingMessage,
    res: ServerResponse,
    status: number,
    code: ErrorCode,
    reason: string,
  ): void => refuseWith(req, res, status, new RpcError(code, reason));
  const refuseWith = (
    req: IncomingMessage,
    res: ServerResponse,
    status: number,
    error: RpcError,
  ): void => {
    const text = dispatcher.refuse(error, { principal: undefined, transport: 'http' });
    sendAndClose(req, res, status, text);
  };

  /** Who this is, asked before the body is read; undefined when the answer is given: not before some time. */
  const identify = async (
    req: IncomingMessage,
    res: ServerResponse,
    credentials: Credentials,
    caller: Caller,
  ): Promise<{ principal: Principal | undefined } | undefined> => {
    try {
      return { principal: await authenticate(credentials, caller) };
    } catch (error) {
      const wait = retryAfterOf(error);
      if (wait === undefined) throw error;
      res.setHeader('Retry-After', retryAfter(wait));
      refuseWith(req, res, 429, error as RpcError);
      return undefined;
    }
  };

  const answer = async (
    req: IncomingMessage,
    res: ServerResponse,
    underWay: number,
  ): Promise<void> => {
    if (req.method !== 'POST') {
      res.setHeader('Allow', 'POST');
      refuse(req, res, 405, ErrorCode.InvalidRequest, 'JSON-RPC is spoken by POST only');
      return;
    }
    const unsupported = unsupportedMedia(req);
    if (unsupported) {
      refuse(req, res, 415, ErrorCode.InvalidRequest, unsupported);
      return;
    }
    const caller = callerOf(req, 'http', deps.addressOf);
    const credentials = credentialsOf(req, deps.certificateOf);
    const identified = await identify(req, res, credentials, caller);
    if (!identified) return;
    const { principal } = identified;
    const read = await readBody(req, { maxBytes: limits.bodyBytes, timeoutMs: limits.bodyMs });
    if ('failed' in read) {
      if (read.failed === 'too-large') {
        const reason = `a body may have ${limits.bodyBytes} bytes`;
        refuse(req, res, 413, ErrorCode.ResourceExhausted, reason);
      } else if (read.failed === 'timeout') {
        const reason = `the body did not come in within ${limits.bodyMs} ms`;
        refuse(req, res, 408, ErrorCode.InvalidRequest, reason);
      }
      return;
    }
    const text = await inRoom(room, read.body.length, isBusy(underWay, principal), () =>
      dispatcher.handle(read.body, { principal, ...caller }),
    );
    if (res.destroyed) return;
    if (!principal && (text === undefined || needsKey(text))) {
      const error = credentials.secret === undefined ? undefined : 'invalid_token';
      res.setHeader('WWW-Authenticate', bearerChallenge(error, deps.metadataUrl));
      send(res, 401, text);
      return;
    }
    if (principal?.means === 'token' && isRefusal(text)) {
      const header = bearerChallenge('insufficient_scope', deps.metadataUrl);
      res.setHeader('WWW-Authenticate', header);
      send(res, 403, text);
      return;
    }
    const wait = text === undefined ? undefined : waitIn(text);
    if (wait !== undefined) res.setHeader('Retry-After', retryAfter(wait));
    send(res, text === undefined ? 204 : wait === undefined ? 200 : 429, text);
  };

  return (req, res) => {
    res.on('error', () => undefined);
    takeTurn(req, res, (underWay) => {
      answer(req, res, underWay).catch(() => res.destroy());
    });
  };
}

/** Does something with a body as soon as there is room for it. */
export async function inRoom<T>(
  room: Room,
  bytes: number,
  isFlood: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const leave = await new Promise<() => void>((go) => room.enter(bytes, isFlood, go));
  try {
    return await work();
  } finally {
    leave();
  }
}

/** Milliseconds until a call may be tried again, if that is all a response says. */
function waitIn(text: string): number | undefined {
  const beginning = `{"jsonrpc":"2.0","error":{"code":${ErrorCode.ResourceExhausted},`;
  if (!text.startsWith(beginning)) return undefined;
  const { error } = JSON.parse(text) as { error: { data?: { retry_after_ms?: unknown } } };
  const wait = error.data?.retry_after_ms;
  return typeof wait === 'number' ? wait : undefined;
}

/** Why the body cannot be read, judged by its headers. */
export function unsupportedMedia(req: IncomingMessage): string | undefined {
  const [type = ''] = (req.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/json')
    return 'send Content-Type: application/json';
  const encoding = req.headers['content-encoding'] ?? 'identity';
  return encoding === 'identity' ? undefined : 'send the body without Content-Encoding';
}

/** Whether the lack of a key is what a response or a batch of them complains of. */
function needsKey(text: string): boolean {
  const parsed = JSON.parse(text) as unknown;
  const responses = (Array.isArray(parsed) ? parsed : [parsed]) as { error?: { code: number } }[];
  return responses.some(({ error }) => error?.code === ErrorCode.Unauthorized);
}

/** Whether a whole response, and no batch, says that its caller may not do that. */
function isRefusal(text: string | undefined): boolean {
  return text?.startsWith('{"jsonrpc":"2.0","error":') === true && needsKey(text);
}

function setHeaders(res: ServerResponse, status: number, text: string | undefined): void {
  res.statusCode = status;
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  if (text === undefined) return;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
}

function send(res: ServerResponse, status: number, text: string | undefined): void {
  setHeaders(res, status, text);
  res.end(text);
}

/**
 * Answers before the body was read, then closes the connection. What still comes in is thrown away for a
 * moment first: closing at once would reset the connection and take the answer with it.
 */
export function sendAndClose(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  text: string,
): void {
  res.setHeader('Connection', 'close');
  setHeaders(res, status, text);
  if (req.complete) {
    res.end(text);
    return;
  }
  res.write(text);
  const cut = (): void => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(cut, lingerMs).unref();
  let thrownAway = 0;
  req.on('error', () => undefined);
  req.once('end', cut).once('close', cut);
  req.on('data', (chunk: Buffer) => {
    thrownAway += chunk.length;
    if (thrownAway >= lingerBytes) req.pause();
  });
}
