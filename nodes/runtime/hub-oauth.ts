import type { IncomingMessage, ServerResponse } from 'node:http';
import { createDocumentEndpoint } from '../adapters/http/document-endpoint.ts';
import { createTokenVerifier, looksLikeToken } from '../adapters/oauth/access-token.ts';
import { fetchDocument } from '../adapters/oauth/fetch-document.ts';
import { createIssuerKeys } from '../adapters/oauth/issuer-keys.ts';
import type { Clock } from '../core/clock.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { AuthenticationWay } from '../core/security/authentication.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { readScope } from '../core/security/scope.ts';
import { createTokenHolder } from '../core/security/token-holder.ts';
import type { OAuthSettings } from './oauth-settings.ts';
import type { HubSettings } from './settings.ts';

type RequestHandler = (req: IncomingMessage, res: ServerResponse) => void;

/** Where RFC 9728 has a resource tell who gives out its tokens. */
const wellKnown = '/.well-known/oauth-protected-resource';

/** The hub as a resource server of OAuth 2.0; without settings it takes no token and says nothing of any. */
export interface HubOAuth {
  way: AuthenticationWay;
  /** Address of the metadata of what is at this path; undefined without OAuth. */
  metadataUrl(path: string): string | undefined;
  /** What to serve, by path. */
  documents: ReadonlyMap<string, RequestHandler>;
}

export function createHubOAuth(deps: {
  settings: Pick<HubSettings, 'oauth' | 'rpcPath' | 'wsPath' | 'metricsPath' | 'mcpPath'>;
  hasDevice: (id: string) => boolean;
  audit: AuditTrail;
  ids: Ids;
  clock: Clock;
  log: Log;
}): HubOAuth {
  const { settings, hasDevice, audit, ids, clock, log } = deps;
  const { oauth } = settings;
  if (!oauth) {
    return { way: () => undefined, metadataUrl: () => undefined, documents: new Map() };
  }
  const { issuers } = oauth;
  const verify = createTokenVerifier({
    keysOf: new Map(
      issuers.map((issuer) => [
        issuer.issuer,
        createIssuerKeys({ issuer, fetchDocument, clock, log }),
      ]),
    ),
    demands: oauth,
    clock,
  });
  const holderOf = createTokenHolder({
    rules: oauth,
    hash: (text) => ids.hash(text),
    hasDevice,
    readScope: (value) => readScope(value, oauth.scopeClaim),
  });
  const { rpcPath, wsPath, metricsPath, mcpPath = '' } = settings;
  const paths = ['', rpcPath, wsPath, metricsPath, ...(mcpPath === '' ? [] : [mcpPath])];

  return {
    async way({ secret }, { transport, address }) {
      if (secret === undefined || !looksLikeToken(secret)) return undefined;
      const verdict = await verify(secret);
      const holder = 'claims' in verdict ? holderOf(verdict.claims) : verdict;
      if ('principal' in holder) return holder.principal;
      audit.record({
        action: 'authentication',
        outcome: 'refused',
        subject: 'token',
        transport,
        address,
        reason: holder.refused,
      });
      // Nobody who waits for an authorization server is taken for one who guesses.
      if ('retryAfterMs' in verdict) {
        const details = { retry_after_ms: Math.ceil(verdict.retryAfterMs) };
        throw new RpcError(ErrorCode.ResourceExhausted, verdict.refused, details);
      }
      return undefined;
    },
    metadataUrl: (path) => new URL(metadataPath(oauth, path), oauth.publicUrl).href,
    documents: new Map(
      paths.map((path) => [
        metadataPath(oauth, path),
        createDocumentEndpoint(metadataOf(oauth, path)),
      ]),
    ),
  };
}

/** The well-known path goes between the host and the path of the resource (RFC 9728 section 3.1). */
function metadataPath({ publicUrl }: OAuthSettings, path: string): string {
  return wellKnown + new URL(publicUrl).pathname.replace(/\/$/, '') + path;
}

function metadataOf({ publicUrl, issuers, roleClaim, roles }: OAuthSettings, path: string): object {
  return {
    resource: publicUrl + path,
    authorization_servers: issuers.map(({ issuer }) => issuer),
    bearer_methods_supported: ['header'],
    resource_name: 'LLM-IoT hub',
    ...(roleClaim === 'scope' ? { scopes_supported: roles.map(([value]) => value) } : {}),
  };
}
