import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';

export type RequestHandler = (req: IncomingMessage, res: ServerResponse) => void;

/** Which pages of browsers may call the hub, and by which names. */
export interface OriginRules {
  /** Whether a page of another site asks, one that nobody allowed: browsers send its origin. */
  isForeign(req: IncomingMessage): boolean;
  /** The origin of a page of another site that is allowed. */
  allowed(req: IncomingMessage): string | undefined;
  /** Whether it asks for the hub by a name that is served. */
  isServed(req: IncomingMessage): boolean;
}

/**
 * @param rules.allowedOrigins such as `https://app.example`; only the hub's own pages are allowed besides
 * @param rules.allowedHosts values of the Host header, with or without port; none for all
 */
export function createOriginRules(
  rules: { allowedOrigins?: readonly string[]; allowedHosts?: readonly string[] } = {},
): OriginRules {
  const origins = new Set(rules.allowedOrigins?.map((origin) => origin.toLowerCase()));
  const hosts = new Set(rules.allowedHosts?.map((host) => host.toLowerCase()));

  const isOwn = ({ origin, host }: IncomingMessage['headers']): boolean =>
    origin !== undefined &&
    URL.canParse(origin) &&
    host !== undefined &&
    new URL(origin).host === host.toLowerCase();
  const allowed: OriginRules['allowed'] = ({ headers }) =>
    headers.origin !== undefined && !isOwn(headers) && origins.has(headers.origin.toLowerCase())
      ? headers.origin
      : undefined;
  return {
    allowed,
    isForeign: (req) =>
      req.headers.origin !== undefined && !isOwn(req.headers) && allowed(req) === undefined,
    isServed({ headers: { host = '' } }) {
      const name = host.toLowerCase();
      return hosts.size === 0 || hosts.has(name) || hosts.has(name.replace(/:\d+$/, ''));
    },
  };
}

/** Answers are for programs: no browser is to show, keep, frame or interpret them. */
export const protectiveHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
};
const yearSeconds = 31_536_000;
const preflightSeconds = 600;
/** Of calls, and of MCP. */
const allowedHeaders = [
  ...['authorization', 'content-type', 'last-event-id'],
  ...['mcp-method', 'mcp-name', 'mcp-protocol-version', 'mcp-session-id'],
].join(', ');

/** Puts the protective headers on all a handler answers; over TLS it also says that nothing else is to be used. */
export function withHeaders(handler: RequestHandler): RequestHandler {
  return (req, res) => {
    for (const [name, value] of Object.entries(protectiveHeaders)) res.setHeader(name, value);
    if ((req.socket as Partial<TLSSocket>).encrypted)
      res.setHeader('Strict-Transport-Security', `max-age=${yearSeconds}`);
    handler(req, res);
  };
}

/**
 * Keeps pages of other sites from a handler: they get 403, and 421 whoever asks for a name that is not served. Allowed
 * origins get the headers of CORS, and their preflight is answered.
 * @param onRefused told of each refusal
 */
export function guardOrigin(
  handler: RequestHandler,
  rules: OriginRules,
  onRefused: (cause: 'origin' | 'host', req: IncomingMessage) => void,
): RequestHandler {
  const refuse = (
    res: ServerResponse,
    status: number,
    [code, reason]: [ErrorCode, string],
  ): void => {
    const error = new RpcError(code, reason).toObject();
    res.statusCode = status;
    res.setHeader('Connection', 'close');
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.end(JSON.stringify({ jsonrpc: '2.0', error, id: null }));
  };
  return (req, res) => {
    res.on('error', () => undefined);
    if (!rules.isServed(req)) {
      onRefused('host', req);
      refuse(res, 421, [ErrorCode.InvalidRequest, 'the hub is not served by this name']);
      return;
    }
    if (rules.isForeign(req)) {
      onRefused('origin', req);
      refuse(res, 403, [ErrorCode.Unauthorized, 'pages of other sites may not call the hub']);
      return;
    }
    const origin = rules.allowed(req);
    if (origin !== undefined) {
      res.setHeader('Vary', 'Origin');
      res.setHeader('Access-Control-Allow-Origin', origin);
      res.setHeader(
        'Access-Control-Expose-Headers',
        'Mcp-Session-Id, Retry-After, WWW-Authenticate',
      );
      if (req.method === 'OPTIONS') {
        res.statusCode = 204;
        res.setHeader('Access-Control-Allow-Methods', 'POST, GET, DELETE');
        res.setHeader('Access-Control-Allow-Headers', allowedHeaders);
        res.setHeader('Access-Control-Max-Age', preflightSeconds);
        res.end();
        return;
      }
    }
    handler(req, res);
  };
}
