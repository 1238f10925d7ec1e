import assert from 'node:assert/strict';
import { createTokenVerifier } from '../../../nodes/adapters/oauth/access-token.ts';
import { fetchDocument, isSafeUrl } from '../../../nodes/adapters/oauth/fetch-document.ts';
import { createIssuerKeys, type Issuer } from '../../../nodes/adapters/oauth/issuer-keys.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { startHttpServer, type HttpHandler } from '../../support/http-exchange.ts';
import { startOAuthServer, type OAuthServer } from '../../support/oauth-server.ts';
import { until } from '../../support/until.ts';

describe('the keys of an OAuth server', () => {
  let oauth: OAuthServer;
  let clock: FakeClock;
  let warnings: string[];
  const closing: (() => Promise<void>)[] = [];

  /** Verifies tokens of this issuer; answers `ok` or why not. */
  const verifierOf = (issuer: Issuer): ((token: string) => Promise<string>) => {
    const warn = (text: string): void => void warnings.push(text);
    const log = { info: warn, warn, error: warn };
    const keysOf = new Map([
      [issuer.issuer, createIssuerKeys({ issuer, fetchDocument, clock, log })],
    ]);
    const demands = { audiences: ['hub'], algorithms: ['RS256'], anyType: false };
    const verify = createTokenVerifier({
      keysOf,
      demands: { ...demands, toleranceSeconds: 30 },
      clock,
    });
    return async (token) => {
      const verdict = await verify(token);
      return 'claims' in verdict ? 'ok' : verdict.refused;
    };
  };
  const tokenOf = (more: object = {}, header: object = {}): Promise<string> => {
    const now = Math.floor(clock.now() / 1000);
    const claims = { iss: oauth.issuer, aud: 'hub', sub: 'somebody', iat: now, exp: now + 86_400 };
    return oauth.sign({ ...claims, ...more }, header);
  };
  const serve = async (handle: HttpHandler): Promise<string> => {
    const server = await startHttpServer(handle);
    closing.push(() => server.close());
    return `http://127.0.0.1:${server.port}`;
  };

  before(async () => {
    oauth = await startOAuthServer();
  });
  after(() => oauth.stop());
  beforeEach(() => {
    clock = createFakeClock();
    warnings = [];
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  it('are found by the metadata of the issuer, or at the address that is given', async () => {
    assert.equal(await verifierOf({ issuer: oauth.issuer })(await tokenOf()), 'ok');
    const given = verifierOf({ issuer: 'https://elsewhere.example', jwksUri: oauth.jwksUrl });
    assert.equal(await given(await tokenOf({ iss: 'https://elsewhere.example' })), 'ok');
  });

  it('are found by RFC 8414 where the issuer has a path and no OpenID', async () => {
    const asked: string[] = [];
    const base: string = await serve(({ path }) => {
      asked.push(path);
      if (path !== '/.well-known/oauth-authorization-server/tenant') return { status: 404 };
      return { status: 200, body: { issuer: `${base}/tenant`, jwks_uri: oauth.jwksUrl } };
    });
    const verify = verifierOf({ issuer: `${base}/tenant` });
    assert.equal(await verify(await tokenOf({ iss: `${base}/tenant` })), 'ok');
    assert.deepEqual(asked, [
      '/tenant/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenant',
    ]);
  });

  it('a new key is taken up once the cooldown is over, and the old one is out', async () => {
    const verify = verifierOf({ issuer: oauth.issuer });
    const old = await tokenOf();
    assert.equal(await verify(old), 'ok');
    await oauth.rotate();
    assert.equal(await verify(await tokenOf()), 'no key of the issuer fits the token');
    clock.advance(30_000);
    assert.equal(await verify(await tokenOf()), 'ok');
    assert.equal(await verify(old), 'no key of the issuer fits the token');
  });

  it('a storm of unknown keys makes one request per cooldown', async () => {
    const verify = verifierOf({ issuer: oauth.issuer });
    const before = oauth.keyRequests();
    for (let round = 1; round <= 3; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, async (_unused, index) =>
          verify(await tokenOf({}, { kid: `unknown-${index}` })),
        ),
      );
      assert.equal(oauth.keyRequests() - before, round);
      clock.advance(30_000);
    }
  });

  it('a storm at a server that fails makes one request per cooldown too', async () => {
    let asked = 0;
    const url = await serve(() => {
      asked += 1;
      return { status: 503 };
    });
    const verify = verifierOf({ issuer: oauth.issuer, jwksUri: url });
    for (let round = 1; round <= 3; round += 1) {
      const verdicts = await Promise.all(
        Array.from({ length: 20 }, async () => verify(await tokenOf())),
      );
      assert.deepEqual([...new Set(verdicts)], ['the keys of the issuer cannot be read now']);
      assert.equal(asked, round);
      clock.advance(30_000);
    }
    assert.match(warnings[0]!, /answered 503/);
  });

  it('known keys go on while the server is away, and unknown ones are refused', async () => {
    const verify = verifierOf({ issuer: oauth.issuer });
    const token = await tokenOf();
    assert.equal(await verify(token), 'ok');
    await oauth.stop();
    for (const hours of [0, 1, 12]) {
      clock.advance(hours * 3_600_000);
      assert.equal(await verify(token), 'ok');
      const unknown = await tokenOf({}, { kid: 'unknown' });
      assert.equal(await verify(unknown), 'no key of the issuer fits the token');
    }
    await oauth.restart();
    clock.advance(30_000);
    await oauth.rotate();
    assert.equal(await verify(await tokenOf()), 'ok');
  });

  it('keys of five minutes are read again beside the work: a key that was withdrawn is out soon', async () => {
    const verify = verifierOf({ issuer: oauth.issuer });
    const old = await tokenOf();
    assert.equal(await verify(old), 'ok');
    await oauth.rotate();
    clock.advance(300_001);
    assert.equal(await verify(old), 'ok');
    await until('the key is out', async () => (await verify(old)) !== 'ok');
  });

  it('keys of an hour are read again first', async () => {
    const verify = verifierOf({ issuer: oauth.issuer });
    const old = await tokenOf();
    assert.equal(await verify(old), 'ok');
    await oauth.rotate();
    clock.advance(3_600_001);
    assert.equal(await verify(old), 'no key of the issuer fits the token');
  });

  describe('what is wrong with a server is told, and its tokens are refused', () => {
    const cases: [title: string, handle: (base: () => string) => HttpHandler, reason: RegExp][] = [
      [
        'metadata of another issuer',
        () => () => ({
          status: 200,
          body: { issuer: 'https://other.example', jwks_uri: oauth.jwksUrl },
        }),
        /of another issuer/,
      ],
      [
        'a jwks_uri without https',
        (base) => () => ({
          status: 200,
          body: { issuer: base(), jwks_uri: 'http://keys.example/jwks' },
        }),
        /begins with https/,
      ],
      [
        'a jwks_uri that is a file',
        (base) => () => ({ status: 200, body: { issuer: base(), jwks_uri: 'file:///etc/passwd' } }),
        /begins with https/,
      ],
      [
        'a redirection',
        () => () => ({ status: 302, headers: { location: oauth.jwksUrl } }),
        /redirect/,
      ],
      ['no JSON', () => () => ({ status: 200, body: '<html></html>' }), /not JSON/],
      ['a JSON list', () => () => ({ status: 200, body: '[]' }), /no JSON object/],
      [
        'a document without end',
        () => () => ({
          status: 200,
          body: (function* () {
            for (;;) yield 'x'.repeat(65_536);
          })(),
        }),
        /more than 262144 bytes/,
      ],
      [
        'keys that are none',
        (base) => (request) => ({
          status: 200,
          body:
            request.path === '/jwks'
              ? { keys: 'none' }
              : { issuer: base(), jwks_uri: `${base()}/jwks` },
        }),
        /malformed/i,
      ],
      [
        'a shared secret among the keys',
        (base) => (request) => ({
          status: 200,
          body:
            request.path === '/jwks'
              ? { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: oauth.signingKey().jwk.kid }] }
              : { issuer: base(), jwks_uri: `${base()}/jwks` },
        }),
        /^$/,
      ],
    ];
    for (const [title, handle, reason] of cases)
      it(title, async () => {
        let base = '';
        base = await serve((request) => handle(() => base)(request));
        const verdict = await verifierOf({ issuer: base })(await tokenOf({ iss: base }));
        const expected = title.startsWith('a shared secret')
          ? 'no key of the issuer fits the token'
          : 'the keys of the issuer cannot be read now';
        assert.equal(verdict, expected);
        assert.match(warnings.join('\n'), reason);
      });

    it('no answer within the time limit', async () => {
      const silent = await serve(() => undefined);
      await assert.rejects(fetchDocument(silent, { timeoutMs: 50 }), /not answer within 50 ms/);
      const stuck = await serve(() => ({
        status: 200,
        body: (async function* () {
          yield '{';
          await new Promise(() => undefined);
        })(),
      }));
      await assert.rejects(fetchDocument(stuck, { timeoutMs: 200 }), /not answer within 200 ms/);
    });
  });

  it('https is asked for, except on the machine itself', async () => {
    for (const url of [
      'https://login.example/realms/iot',
      'http://localhost:8080/realms/iot',
      'http://127.0.0.1:1',
      'http://[::1]:1',
    ]) {
      assert.equal(isSafeUrl(url), true, url);
    }
    for (const url of [
      'http://login.example',
      'http://10.0.0.1',
      'http://localhost.example',
      'http://127.0.0.1.example',
      'https://user:password@login.example',
      'file:///etc/passwd',
      'login.example',
    ]) {
      assert.equal(isSafeUrl(url), false, url);
      await assert.rejects(fetchDocument(url), /https/);
    }
  });
});
