import {
  isInitializeRequest,
  WebStandardStreamableHTTPServerTransport,
  type McpHandlerRequestOptions,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../core/clock.ts';
import type { Ids } from '../../core/ids.ts';
import type { Principal } from '../../core/security/types.ts';
import { callerOfAuth } from './server.ts';
import type { McpCaller, McpChange, McpServer } from './types.ts';
import type { Watcher, Watchers } from './watchers.ts';

export interface SessionLimits {
  /** Most sessions in all. Default 1,000. */
  sessions: number;
  /** Of one principal. Default 100. */
  sessionsPerPrincipal: number;
  /** Milliseconds after which a session that nobody used ends. Default half an hour. */
  sessionIdleMs: number;
}

export const sessionDefaults: SessionLimits = {
  sessions: 1_000,
  sessionsPerPrincipal: 100,
  sessionIdleMs: 30 * 60_000,
};

/** Sessions of clients of the revisions up to 2025-11-25. */
export interface Sessions {
  /** Answers one request; 404 for a session that is not there, or not this caller's. */
  fetch(request: Request, options: McpHandlerRequestOptions): Promise<Response>;
  /** The stream that a session listens on; it is told nothing while this says that it is not read. */
  listens(sessionId: string, principal: Principal, isWritable: () => boolean): Watcher | undefined;
  watcherOf(sessionId: string | undefined): Watcher | undefined;
  disconnect(isMeant: (principal: Principal) => boolean): void;
  size(): number;
  close(): Promise<void>;
}

interface Session {
  id: string;
  principal: Principal;
  product: McpServer;
  transport: WebStandardStreamableHTTPServerTransport;
  watcher: Watcher;
  isWritable: () => boolean;
  usedAt: number;
  /** Requests under way, its stream included: it is not idle meanwhile. */
  underWay: number;
}

const idHeader = 'mcp-session-id';

/**
 * Keeps the sessions. Of one principal the one that was not used longest goes when it opens more than it may; a session
 * answers to the principal that opened it alone, whatever id somebody else names.
 */
export function createSessions(deps: {
  createServer: (caller: McpCaller) => McpServer;
  watchers: Watchers;
  clock: Clock;
  ids: Ids;
  limits: SessionLimits;
}): Sessions {
  const { createServer, watchers, clock, ids, limits } = deps;
  const sessions = new Map<string, Session>();

  const end = (session: Session): void => {
    if (!sessions.delete(session.id)) return;
    session.watcher.end();
    session.product.close().catch(() => undefined); // it is gone either way
  };
  let cancelSweep = (): void => undefined;
  const sweep = (): void => {
    const before = clock.elapsed() - limits.sessionIdleMs;
    for (const session of [...sessions.values()])
      if (session.underWay === 0 && session.usedAt < before) end(session);
    cancelSweep = clock.after(Math.min(limits.sessionIdleMs, 60_000), sweep);
  };
  cancelSweep = clock.after(Math.min(limits.sessionIdleMs, 60_000), sweep);

  const makeRoom = (principal: Principal): void => {
    const byUse = [...sessions.values()].sort((a, b) => a.usedAt - b.usedAt);
    const own = byUse.filter((session) => session.principal.id === principal.id);
    if (own.length >= limits.sessionsPerPrincipal && own[0]) end(own[0]);
    else if (byUse.length >= limits.sessions) {
      const idle = byUse.find(({ underWay }) => underWay === 0) ?? byUse[0];
      if (idle) end(idle);
    }
  };

  const open = async (caller: McpCaller): Promise<Session> => {
    const product = createServer(caller);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => session.id,
      onsessioninitialized: () => {
        makeRoom(caller.principal);
        sessions.set(session.id, session);
      },
      onsessionclosed: () => end(session),
    });
    const session: Session = {
      id: ids.secret('mcp'),
      principal: caller.principal,
      product,
      transport,
      watcher: watchers.watch({
        principal: caller.principal,
        writable: () => session.isWritable(),
        // Who closed the stream meanwhile hears of it by reading.
        tell: (change) => void tell(product, change).catch(() => undefined),
      }),
      isWritable: () => false,
      usedAt: clock.elapsed(),
      underWay: 0,
    };
    await product.connect(transport);
    return session;
  };

  const find = (id: string | null | undefined, principal: Principal): Session | undefined => {
    const session = id == null ? undefined : sessions.get(id);
    return session?.principal.id === principal.id ? session : undefined;
  };

  const use = async (
    session: Session,
    request: Request,
    options: McpHandlerRequestOptions,
  ): Promise<Response> => {
    session.underWay += 1;
    try {
      return await session.transport.handleRequest(request, options);
    } finally {
      session.underWay -= 1;
      session.usedAt = clock.elapsed();
    }
  };

  return {
    async fetch(request, options) {
      const caller = callerOfAuth(options.authInfo);
      const id = request.headers.get(idHeader);
      if (id !== null) {
        const session = find(id, caller.principal);
        return session
          ? use(session, request, options)
          : errorResponse(404, -32001, 'there is no such session: initialize again');
      }
      if (request.method !== 'POST')
        return errorResponse(405, -32000, 'without a session there is only POST', {
          Allow: 'POST',
        });
      if (!isInitializeRequest(options.parsedBody))
        return errorResponse(
          400,
          -32000,
          'initialize first, then name the session: Mcp-Session-Id',
        );
      const session = await open(caller);
      const response = await use(session, request, options);
      if (!sessions.has(session.id)) {
        session.watcher.end();
        await session.product.close();
      }
      return response;
    },
    listens(id, principal, isWritable) {
      const session = find(id, principal);
      if (!session) return undefined;
      session.isWritable = isWritable;
      session.watcher.flush();
      return session.watcher;
    },
    watcherOf: (id) => (id === undefined ? undefined : sessions.get(id)?.watcher),
    disconnect(isMeant) {
      for (const session of [...sessions.values()]) if (isMeant(session.principal)) end(session);
    },
    size: () => sessions.size,
    async close() {
      cancelSweep();
      const all = [...sessions.values()];
      for (const session of all) end(session);
      await Promise.all(all.map(({ transport }) => transport.close()));
    },
  };
}

function tell({ server }: McpServer, change: McpChange): Promise<void> {
  if (change === 'tools') return server.sendToolListChanged();
  if (change === 'resources') return server.sendResourceListChanged();
  if (change === 'prompts') return server.sendPromptListChanged();
  return server.sendResourceUpdated({ uri: change.uri });
}

function errorResponse(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status, headers });
}
