import { createPrivateKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

const require = createRequire(import.meta.url);

/** What the tests use of oidc-provider, which has no types of its own. */
interface Provider {
  callback(): (req: IncomingMessage, res: ServerResponse) => void;
}
const { default: OidcProvider } = require('oidc-provider') as {
  default: new (issuer: string, configuration: object) => Provider;
};

/** How the access tokens of one client come out. */
export interface TestGrant {
  claims?: object;
  /** Seconds; an hour unless told. */
  ttl?: number;
}

/** A real authorization server on the loopback that gives out JWT access tokens (oidc-provider). */
export interface OAuthServer {
  issuer: string;
  jwksUrl: string;
  /** A token by the client credentials grant, for a resource (RFC 8707). */
  token(resource: string, grant?: TestGrant): Promise<string>;
  /** Signs what the server would never sign, with its own key. */
  sign(claims: object, header?: object): Promise<string>;
  /** The key that signs now, and its public half as it is published. */
  signingKey(): { privateKey: KeyObject; jwk: JWK };
  /** Replaces its key. */
  rotate(): Promise<void>;
  /** How often its keys were asked for. */
  keyRequests(): number;
  /** Ends it, or lets it begin again at the same address. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

const secret = 'secret-of-the-test-client-0123456789';

export async function startOAuthServer(): Promise<OAuthServer> {
  let handler: (req: IncomingMessage, res: ServerResponse) => void;
  let grant: TestGrant = {};
  let key: { privateKey: KeyObject; jwk: JWK };
  let keyRequests = 0;
  let rotations = 0;
  const answer = (req: IncomingMessage, res: ServerResponse): void => {
    if (req.url === '/jwks') keyRequests += 1;
    handler(req, res);
  };
  let server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;

  const rotate = async (): Promise<void> => {
    const pair = await generateKeyPair('RS256', { extractable: true });
    rotations += 1;
    const about = { kid: `key-${rotations}`, alg: 'RS256', use: 'sig' };
    const privateJwk = await exportJWK(pair.privateKey);
    key = {
      // A key of node:crypto signs with every algorithm it is good for.
      privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }),
      jwk: { ...(await exportJWK(pair.publicKey)), ...about },
    };
    const provider = new OidcProvider(issuer, {
      adapter: createMemory,
      jwks: { keys: [{ ...privateJwk, ...about }] },
      ttl: { ClientCredentials: () => grant.ttl ?? 3600 },
      cookies: { keys: ['unused'] },
      clients: [
        {
          client_id: 'test-client',
          client_secret: secret,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        },
      ],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({
            scope: 'llm_read llm_write',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
      extraTokenClaims: () => grant.claims,
    });
    handler = provider.callback();
  };
  await rotate();

  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    async token(resource, wanted = {}) {
      grant = wanted;
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`test-client:${secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      if (token === undefined) throw new Error(`no token: ${response.status}`);
      return token;
    },
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: key.jwk.kid!, ...header })
        .sign(key.privateKey),
    signingKey: () => key,
    rotate,
    keyRequests: () => keyRequests,
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    async restart() {
      server = createServer(answer).listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

/** Where the server keeps what it gave out; its own memory warns that it is none for production. */
function createMemory(model: string): object {
  const kept = new Map<string, object>();
  const find = (id: string): Promise<object | undefined> => Promise.resolve(kept.get(model + id));
  return {
    upsert: (id: string, payload: object) => Promise.resolve(kept.set(model + id, payload)),
    find,
    findByUid: find,
    findByUserCode: find,
    consume: () => Promise.resolve(),
    destroy: (id: string) => Promise.resolve(kept.delete(model + id)),
    revokeByGrantId: () => Promise.resolve(),
  };
}
