import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import type { Authenticate } from '../../core/security/authentication.ts';
import type { AdmitCall } from '../../core/security/call-limits.ts';
import { retryAfterOf } from '../../core/security/refusals.ts';
import type { Principal } from '../../core/security/types.ts';
import { bearerChallenge } from './challenge.ts';
import { peerAddress, type AddressOf } from './client-address.ts';
import { callerOf, credentialsOf, type CertificateOf } from './credentials.ts';
import { retryAfter } from './retry-after.ts';

/** What a description is asked with. */
export interface DescriptionRequest {
  principal: Principal | undefined;
  query: URLSearchParams;
  /** Host and port as the caller names them; `localhost` when that is no name. */
  host: string;
  secure: boolean;
}

/** One description of the hub. */
export interface Description {
  type: 'application/json' | 'text/plain';
  /** Whether there is something to tell without a key. */
  open?: boolean;
  /** The text. @throws RpcError -32602 for a query that means nothing */
  write: (request: DescriptionRequest) => string;
}

const longestQuery = 1_024;
const hostGrammar = /^(?:[\w.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * `GET` and `HEAD` of a description: 200 with an ETag, 304 for one who has it, 400 for a query that means nothing, 401
 * without a valid key (also where there is something to tell without any, if one is shown), 403 for who is shut out, 405,
 * 414 for a query of more than 1,024 characters, 429 with `Retry-After` for a caller that has to wait.
 */
export function createDescriptionEndpoint(deps: {
  path: string;
  description: Description;
  authenticate: Authenticate;
  stands: (principal: Principal) => boolean;
  mayTake: AdmitCall;
  /** Resolves when the methods are there: they are exchanged in a deploy. */
  whenOpen: () => Promise<void>;
  metadataUrl?: string | undefined;
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
}): (req: IncomingMessage, res: ServerResponse) => void {
  const { path, description, metadataUrl, addressOf = peerAddress } = deps;

  const refuse = (req: IncomingMessage, res: ServerResponse, status: number, error: RpcError) => {
    res.statusCode = status;
    const wait = retryAfterOf(error);
    if (wait !== undefined) res.setHeader('Retry-After', retryAfter(wait));
    send(req, res, 'application/json', JSON.stringify({ error: error.toObject() }));
  };
  const challenge = (res: ServerResponse, error: Parameters<typeof bearerChallenge>[0]): void => {
    res.setHeader('WWW-Authenticate', bearerChallenge(error, metadataUrl));
  };

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('Allow', 'GET, HEAD');
      refuse(req, res, 405, new RpcError(ErrorCode.InvalidRequest, 'use GET'));
      return;
    }
    const query = (req.url ?? '').split('?', 2)[1] ?? '';
    if (query.length > longestQuery) {
      const reason = `a query may have ${longestQuery} characters`;
      refuse(req, res, 414, new RpcError(ErrorCode.InvalidRequest, reason));
      return;
    }
    const caller = callerOf(req, 'http', addressOf);
    const credentials = credentialsOf(req, deps.certificateOf);
    const principal = await deps.authenticate(credentials, caller);
    const shown = credentials.secret !== undefined;
    if (!principal && (shown || !description.open)) {
      challenge(res, shown ? 'invalid_token' : undefined);
      const reason = 'a valid key is needed: Authorization: Bearer <key>';
      refuse(req, res, 401, new RpcError(ErrorCode.Unauthorized, reason));
      return;
    }
    if (principal && !deps.stands(principal)) {
      refuse(req, res, 403, new RpcError(ErrorCode.Unauthorized, 'this key is shut out for now'));
      return;
    }
    const context = { principal, ...caller };
    await deps.mayTake({ method: `GET ${path}`, params: undefined, bytes: 0, context });
    await deps.whenOpen();
    const text = description.write({
      principal,
      query: new URLSearchParams(query),
      ...placeOf(req),
    });
    const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
    res.setHeader('ETag', tag);
    // Kept by who asked, and asked for again each time: what a key may do changes with every deploy.
    res.setHeader('Cache-Control', 'private, no-cache');
    if (hasTag(req, tag)) {
      res.statusCode = 304;
      res.end();
      return;
    }
    send(req, res, description.type, text);
  };

  return (req, res) => {
    res.on('error', () => undefined);
    res.setHeader('Cache-Control', 'no-store');
    res.appendHeader('Vary', 'Authorization');
    answer(req, res).catch((error: unknown) => {
      if (!(error instanceof RpcError)) {
        res.statusCode = 500;
        res.end();
        return;
      }
      const tooSoon = error.code === ErrorCode.ResourceExhausted;
      refuse(req, res, tooSoon ? 429 : 400, error);
    });
  };
}

function send(req: IncomingMessage, res: ServerResponse, type: string, text: string): void {
  res.setHeader('Content-Type', `${type}; charset=utf-8`);
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(req.method === 'HEAD' ? undefined : text);
}

/** Whether the caller has this version already (RFC 9110 section 13.1.2). */
function hasTag({ headers }: IncomingMessage, tag: string): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((one) => one.trim());
  return known.some((one) => one === '*' || one.replace(/^W\//, '') === tag);
}

function placeOf(req: IncomingMessage): Pick<DescriptionRequest, 'host' | 'secure'> {
  const { host = '' } = req.headers;
  return {
    host: hostGrammar.test(host) ? host : 'localhost',
    secure: 'encrypted' in req.socket && req.socket.encrypted === true,
  };
}
