import type { IncomingMessage, ServerResponse } from 'node:http';
import { toNodeHandler, type NodeIncomingMessageLike } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  isLegacyRequest,
  ResourceNotFoundError,
  type McpHandlerRequestOptions,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../core/clock.ts';
import { isObject } from '../../core/document.ts';
import type { Ids } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import { parseStrictJson } from '../../core/rpc/json.ts';
import type {
  Dispatcher,
  MethodDeclaration,
  MethodTable,
  RpcContext,
} from '../../core/rpc/types.ts';
import {
  matcherOf,
  type Authenticate,
  type Caller,
  type Meant,
} from '../../core/security/authentication.ts';
import type { AdmitCall } from '../../core/security/call-limits.ts';
import { atExpiry } from '../../core/security/expiry.ts';
import { mayCall } from '../../core/security/permissions.ts';
import { retryAfterOf } from '../../core/security/refusals.ts';
import type { Principal } from '../../core/security/types.ts';
import { toolNamed } from '../../core/tool/tools.ts';
import { bearerChallenge } from '../http/challenge.ts';
import type { AddressOf } from '../http/client-address.ts';
import { callerOf, credentialsOf, type CertificateOf } from '../http/credentials.ts';
import { readBody } from '../http/read-body.ts';
import { retryAfter } from '../http/retry-after.ts';
import { createRoom, isBusy } from '../http/room.ts';
import { inRoom, sendAndClose, unsupportedMedia } from '../http/rpc-endpoint.ts';
import { createTurns } from '../http/turns.ts';
import { createListeners } from './listeners.ts';
import { authInfoOf, createServer } from './server.ts';
import { createSessions, sessionDefaults, type SessionLimits } from './sessions.ts';
import type { McpCaller, McpHandler, McpSurface } from './types.ts';
import type { Watcher, Watchers } from './watchers.ts';

export interface McpLimits extends SessionLimits {
  /** Most bytes of a message. Default 1 MiB. */
  bodyBytes: number;
  /** Milliseconds in which a message must have come in. Default 10,000. */
  bodyMs: number;
  /** Requests of one connection under way at once. Default 32. */
  concurrentCalls: number;
  /** Bytes of all messages under way; beyond, they wait. Default 8 MiB. */
  bytesUnderWay: number;
  /** The same of devices with several under way. Default 16 KiB. */
  busyBytesUnderWay: number;
  /** Streams open at once, on which clients hear of changes. Default 1,000. */
  streams: number;
  /** Of one principal. Default 100. */
  streamsPerPrincipal: number;
}

const defaults: McpLimits = {
  ...sessionDefaults,
  bodyBytes: 1_048_576,
  bodyMs: 10_000,
  concurrentCalls: 32,
  bytesUnderWay: 8_388_608,
  busyBytesUnderWay: 16_384,
  streams: 1_000,
  streamsPerPrincipal: 100,
};
/** Resources that one stream may be about. */
const mostUris = 100;
const sessionHeader = 'mcp-session-id';

/** MCP over Streamable HTTP: revision 2026-07-28, and those up to 2025-11-25 with sessions. */
export interface McpEndpoint {
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** Ends the sessions and open requests of whom is meant (a key was revoked, LLMs are shut out). */
  disconnect(who: Meant): void;
  stats(): { sessions: number; streams: number };
  close(): Promise<void>;
}

interface Open {
  principal: Principal;
  res: ServerResponse;
  isStream: boolean;
}

/**
 * Stands before the SDK: knows who asks before anything is read, bounds what comes in, and refuses what a principal
 * may not use at all with 403 and the scope that would do. Everything else is the surface's, with the rights of the
 * caller.
 */
export function createMcpEndpoint(deps: {
  surface: McpSurface;
  methods: MethodTable;
  dispatcher: Pick<Dispatcher, 'invoke' | 'refuse'>;
  watchers: Watchers;
  authenticate: Authenticate;
  /** Whether somebody who came in may still be here. */
  stands: (principal: Principal) => boolean;
  mayTake: AdmitCall;
  /** Resolves when the methods are there: they are exchanged in a deploy. */
  whenOpen: () => Promise<void>;
  /** What a token must carry for a method, as an authorization server calls it. */
  scopeFor: (declaration: MethodDeclaration) => string | undefined;
  /** Where clients learn who gives out access tokens. */
  metadataUrl?: string | undefined;
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
  version: string;
  clock: Clock;
  ids: Ids;
  log: Log;
  limits?: Partial<McpLimits>;
}): McpEndpoint {
  const { surface, methods, dispatcher, watchers, clock, ids, log } = deps;
  const limits = { ...defaults, ...deps.limits };
  const takeTurn = createTurns({ calls: limits.concurrentCalls, bytes: limits.bodyBytes });
  const room = createRoom({ most: limits.bytesUnderWay, busy: limits.busyBytesUnderWay });
  const open = new Set<Open>();
  const withSubscriptions: McpSurface = {
    ...surface,
    handlers: { ...subscriptions((id) => sessions.watcherOf(id)), ...surface.handlers },
  };
  const serverFor = (caller: McpCaller) =>
    createServer({ surface: withSubscriptions, caller, version: deps.version, log });
  const sessions = createSessions({ createServer: serverFor, watchers, clock, ids, limits });
  const listeners = createListeners(watchers);
  const modern = createMcpHandler(
    ({ authInfo }) => serverFor(authInfo?.extra?.['caller'] as McpCaller),
    {
      legacy: 'reject',
      bus: listeners.bus,
      maxSubscriptions: limits.streams,
      maxRequestBodySize: limits.bodyBytes,
    },
  );
  let closing = false;

  /** Answers before the message was read; it is counted and on record as any call that was refused. */
  const refuse = (
    req: IncomingMessage,
    res: ServerResponse,
    status: number,
    error: RpcError,
    principal?: Principal,
  ): void => {
    const wait = retryAfterOf(error);
    if (wait !== undefined) res.setHeader('Retry-After', retryAfter(wait));
    const text = dispatcher.refuse(error, { principal, ...callerOf(req, 'mcp', deps.addressOf) });
    sendAndClose(req, res, status, text);
  };
  /** The same once the message has come in: the connection stays. */
  const answerError = (res: ServerResponse, status: number, error: RpcError, id: unknown): void => {
    const wait = retryAfterOf(error);
    if (wait !== undefined) res.setHeader('Retry-After', retryAfter(wait));
    res.statusCode = status;
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    const known = typeof id === 'string' || typeof id === 'number' ? id : null;
    res.end(JSON.stringify({ jsonrpc: '2.0', error: error.toObject(), id: known }));
  };

  /** Who this is; undefined when the answer is given. */
  const identify = async (
    req: IncomingMessage,
    res: ServerResponse,
    caller: Caller,
  ): Promise<Principal | undefined> => {
    const credentials = credentialsOf(req, deps.certificateOf);
    let principal: Principal | undefined;
    try {
      principal = await deps.authenticate(credentials, caller);
    } catch (error) {
      if (retryAfterOf(error) === undefined) throw error;
      refuse(req, res, 429, error as RpcError);
      return undefined;
    }
    if (!principal) {
      const error = credentials.secret === undefined ? undefined : 'invalid_token';
      res.setHeader('WWW-Authenticate', bearerChallenge(error, deps.metadataUrl));
      const reason = 'a valid key is needed: Authorization: Bearer <key>';
      refuse(req, res, 401, new RpcError(ErrorCode.Unauthorized, reason));
      return undefined;
    }
    if (deps.stands(principal)) return principal;
    const reason = 'this key is shut out for now';
    refuse(req, res, 403, new RpcError(ErrorCode.Unauthorized, reason), principal);
    return undefined;
  };

  /** The message of a POST; undefined when the answer is given. */
  const receive = async (
    req: IncomingMessage,
    res: ServerResponse,
    caller: Caller,
    principal: Principal,
  ): Promise<{ message: Record<string, unknown>; bytes: number } | undefined> => {
    const unsupported = unsupportedMedia(req);
    if (unsupported !== undefined) {
      refuse(req, res, 415, new RpcError(ErrorCode.InvalidRequest, unsupported));
      return undefined;
    }
    const read = await readBody(req, { maxBytes: limits.bodyBytes, timeoutMs: limits.bodyMs });
    if ('failed' in read) {
      if (read.failed === 'too-large') {
        const reason = `a message may have ${limits.bodyBytes} bytes`;
        refuse(req, res, 413, new RpcError(ErrorCode.ResourceExhausted, reason));
      } else if (read.failed === 'timeout') {
        const reason = `the message did not come in within ${limits.bodyMs} ms`;
        refuse(req, res, 408, new RpcError(ErrorCode.InvalidRequest, reason));
      }
      return undefined;
    }
    const bytes = read.body.length;
    let message: unknown;
    let unreadable: unknown;
    try {
      message = parseStrictJson(read.body, {});
    } catch (error) {
      unreadable = error;
    }
    const { method, params } = subjectOf(message, methods);
    try {
      await deps.mayTake({ method, params, bytes, context: { principal, ...caller } });
    } catch (error) {
      answerError(res, 429, error as RpcError, isObject(message) ? message['id'] : null);
      return undefined;
    }
    if (unreadable !== undefined) {
      answerError(res, 400, unreadable as RpcError, null);
      return undefined;
    }
    if (!isObject(message)) {
      const reason = 'MCP takes one message at a time, as a JSON object';
      answerError(res, 400, new RpcError(ErrorCode.InvalidRequest, reason), null);
      return undefined;
    }
    return { message, bytes };
  };

  /** Whether the caller asks for a tool that somebody with more rights may use; then it is answered. */
  const stepsUp = async (
    res: ServerResponse,
    message: Record<string, unknown>,
    context: RpcContext & { principal: Principal },
  ): Promise<boolean> => {
    const declaration = toolOf(message, methods);
    if (!declaration || mayCall(declaration, context.principal)) return false;
    // It refuses, and puts that on record.
    const error = await dispatcher
      .invoke(declaration.name, {}, context)
      .then(() => new RpcError(ErrorCode.Unauthorized, 'you may not use this tool'))
      .catch((refused: unknown) => refused as RpcError);
    const scope = deps.scopeFor(declaration);
    const challenge = bearerChallenge('insufficient_scope', deps.metadataUrl, scope);
    const isRefused = error.code === ErrorCode.Unauthorized;
    if (isRefused) res.setHeader('WWW-Authenticate', challenge);
    answerError(res, isRefused ? 403 : 429, error, message['id']);
    return true;
  };

  /** Notes a response as open until it is closed; false, and answered, when there are too many streams. */
  const admit = (
    req: IncomingMessage,
    res: ServerResponse,
    principal: Principal,
    isStream: boolean,
  ): boolean => {
    if (closing) {
      refuse(req, res, 503, new RpcError(ErrorCode.ResourceExhausted, 'the hub is closing'));
      return false;
    }
    if (isStream) {
      const streams = [...open].filter((one) => one.isStream);
      const own = streams.filter((one) => one.principal.id === principal.id).length;
      if (streams.length >= limits.streams || own >= limits.streamsPerPrincipal) {
        const most =
          own >= limits.streamsPerPrincipal ? limits.streamsPerPrincipal : limits.streams;
        const reason = `${most} streams are open already`;
        refuse(req, res, 429, new RpcError(ErrorCode.ResourceExhausted, reason));
        return false;
      }
    }
    const one: Open = { principal, res, isStream };
    open.add(one);
    const forget = isStream ? atExpiry(principal, clock, () => res.destroy()) : undefined;
    res.once('close', () => {
      forget?.();
      open.delete(one);
    });
    return true;
  };

  const answer = async (
    req: IncomingMessage,
    res: ServerResponse,
    underWay: number,
  ): Promise<void> => {
    if (req.method !== 'POST' && req.method !== 'GET' && req.method !== 'DELETE') {
      res.setHeader('Allow', 'POST, GET, DELETE');
      refuse(req, res, 405, new RpcError(ErrorCode.InvalidRequest, 'MCP is spoken by POST'));
      return;
    }
    const from = callerOf(req, 'mcp', deps.addressOf);
    const principal = await identify(req, res, from);
    if (!principal) return;
    const { transport: _transport, ...rest } = from;
    const caller: McpCaller = { principal, ...rest };
    const isWritable = (): boolean => !res.writableNeedDrain && !res.destroyed;

    if (req.method !== 'POST') {
      if (!admit(req, res, principal, req.method === 'GET')) return;
      const id = req.headers[sessionHeader];
      if (req.method === 'GET' && typeof id === 'string') {
        const watcher = sessions.listens(id, principal, isWritable);
        res.on('drain', () => watcher?.flush());
      }
      await serve(req, res, caller, undefined, (request, options) =>
        sessions.fetch(request, options),
      );
      return;
    }

    const received = await receive(req, res, from, principal);
    if (!received) return;
    await deps.whenOpen();
    const { message, bytes } = received;
    if (res.destroyed || (await stepsUp(res, message, { ...from, principal }))) return;
    const uris = urisOf(message);
    const isStream = message['method'] === 'subscriptions/listen';
    if (isStream && uris.length > mostUris) {
      const reason = `a stream may be about ${mostUris} resources; iot://devices covers all devices`;
      answerError(res, 400, new RpcError(ErrorCode.InvalidParams, reason), message['id']);
      return;
    }
    if (!admit(req, res, principal, isStream)) return;
    await serve(req, res, caller, message, (request, options) =>
      inRoom(room, bytes, isBusy(underWay, principal), async () => {
        if (await isLegacyRequest(request, message)) return sessions.fetch(request, options);
        const onFlush = (flush: () => void): void => void res.on('drain', flush);
        return listeners.as({ principal, uris, isWritable, onFlush }, () =>
          modern.fetch(request, options),
        );
      }),
    );
  };

  const serve = (
    req: IncomingMessage,
    res: ServerResponse,
    caller: McpCaller,
    body: Record<string, unknown> | undefined,
    fetch: (request: Request, options: McpHandlerRequestOptions) => Promise<Response>,
  ): Promise<void> => {
    const onerror = (error: Error): void => log.error(`MCP: ${error.message}`);
    const answered = async (request: Request, options: McpHandlerRequestOptions = {}) => {
      const response = await fetch(request, options);
      // The client waits for the headers of a stream on which nothing is said yet; they are written by then.
      if (response.headers.get('content-type')?.startsWith('text/event-stream'))
        setImmediate(() => res.flushHeaders());
      return response;
    };
    const handle = toNodeHandler(
      { fetch: answered },
      { onerror, maxRequestBodySize: limits.bodyBytes },
    );
    const asked = Object.assign(req, { auth: authInfoOf(caller) });
    return handle(asked as NodeIncomingMessageLike, res, body);
  };

  return {
    handle(req, res) {
      res.on('error', () => undefined);
      takeTurn(req, res, (underWay) => {
        answer(req, res, underWay).catch((error: unknown) => {
          log.error(`MCP: ${String(error)}`);
          res.destroy();
        });
      });
    },
    disconnect(who) {
      const isMeant = matcherOf(who);
      sessions.disconnect(isMeant);
      for (const { principal, res } of [...open]) if (isMeant(principal)) res.destroy();
    },
    stats: () => ({
      sessions: sessions.size(),
      streams: [...open].filter(({ isStream }) => isStream).length,
    }),
    async close() {
      closing = true;
      await Promise.all([sessions.close(), modern.close()]);
      for (const { res } of [...open]) res.destroy();
    },
  };
}

/** Subscribing within a session; revision 2026-07-28 has streams instead. */
function subscriptions(
  watcherOf: (sessionId: string | undefined) => Watcher | undefined,
): Record<'resources/subscribe' | 'resources/unsubscribe', McpHandler> {
  return {
    'resources/subscribe'({ uri }, { ctx }) {
      if (typeof uri !== 'string' || !watcherOf(ctx.sessionId)?.add(uri))
        throw new ResourceNotFoundError(String(uri).slice(0, 512));
      return Promise.resolve({});
    },
    'resources/unsubscribe'({ uri }, { ctx }) {
      if (typeof uri === 'string') watcherOf(ctx.sessionId)?.remove(uri);
      return Promise.resolve({});
    },
  };
}

/** The method of the hub behind a tool call. */
function toolOf(message: unknown, methods: MethodTable): MethodDeclaration | undefined {
  if (!isObject(message) || message['method'] !== 'tools/call') return undefined;
  const params = isObject(message['params']) ? message['params'] : {};
  const { name } = params;
  return typeof name === 'string' ? toolNamed(methods, name)?.declaration : undefined;
}

/** What a message counts as, where calls are counted. */
function subjectOf(message: unknown, methods: MethodTable): { method: string; params: unknown } {
  const declaration = toolOf(message, methods);
  const { method, params } = isObject(message) ? message : {};
  if (declaration) {
    const args = isObject(params) ? params['arguments'] : undefined;
    return { method: declaration.name, params: args };
  }
  return { method: typeof method === 'string' ? method : 'a message', params: undefined };
}

/** Resources that a `subscriptions/listen` names. */
function urisOf({ params }: Record<string, unknown>): string[] {
  const filter = isObject(params) ? params['notifications'] : undefined;
  const uris = isObject(filter) ? filter['resourceSubscriptions'] : undefined;
  return Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [];
}
