import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT, type JSONWebKeySet } from 'jose';
import {
  createTokenVerifier,
  looksLikeToken,
  maxTokenLength,
} from '../../../nodes/adapters/oauth/access-token.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const issuer = 'https://login.example';
const clock = createFakeClock();
const now = clock.now() / 1000;
const claims = (more: object = {}) => ({
  ...{ iss: issuer, aud: 'hub', sub: 'alice', iat: now, exp: now + 60, ...more },
});

/** Verifies against keys that are there; answers `ok` or why not. */
const verifierOf = (keys: JSONWebKeySet, algorithms: string[]) => {
  const verify = createTokenVerifier({
    keysOf: new Map([[issuer, createLocalJWKSet(keys)]]),
    demands: { audiences: ['hub'], algorithms, anyType: false, toleranceSeconds: 30 },
    clock,
  });
  return async (token: string): Promise<string> => {
    const verdict = await verify(token);
    return 'claims' in verdict ? 'ok' : verdict.refused;
  };
};

describe('an access token', () => {
  it('is taken with every algorithm that may be set, and only with those that are', async () => {
    const algorithms = [
      ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
      ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
    ];
    for (const alg of algorithms) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg }] };
      const token = await new SignJWT(claims())
        .setProtectedHeader({ alg, typ: 'at+jwt', kid: 'a' })
        .sign(privateKey);
      assert.equal(await verifierOf(keys, [alg])(token), 'ok', alg);
      const others = algorithms.filter((other) => other !== alg);
      assert.match(await verifierOf(keys, others)(token), /not allowed/, alg);
    }
  });

  describe('of one key', () => {
    let sign: (payload: object, header?: object) => Promise<string>;
    let verify: (token: string) => Promise<string>;
    before(async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
      verify = verifierOf({ keys: [{ ...(await exportJWK(publicKey)), kid: 'a' }] }, ['ES256']);
      sign = (payload, header = {}) =>
        new SignJWT({ ...payload })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'a', ...header })
          .sign(privateKey);
    });

    it('is taken to the second of its tolerance', async () => {
      for (const [more, expected] of [
        [{ exp: now - 29 }, 'ok'],
        [{ exp: now - 30 }, 'the token has expired'],
        [{ nbf: now + 30 }, 'ok'],
        [{ nbf: now + 31 }, 'the token is not valid yet'],
        [{ iat: now + 30 }, 'ok'],
        [{ iat: now + 31 }, 'the token was issued in the future'],
      ] as const) {
        assert.equal(await verify(await sign(claims(more))), expected, JSON.stringify(more));
      }
    });

    it('is taken up to the longest length, and not beyond', async () => {
      const short = (await sign(claims({ pad: '' }))).length;
      const fitting = Math.floor(((maxTokenLength - short) * 3) / 4);
      const longest = await sign(claims({ pad: 'x'.repeat(fitting) }));
      assert.ok(longest.length <= maxTokenLength && longest.length > maxTokenLength - 4);
      assert.equal(await verify(longest), 'ok');
      const tooLong = await sign(claims({ pad: 'x'.repeat(fitting + 4) }));
      assert.match(await verify(tooLong), /longer than/);
    });

    it('is refused with any one character changed', async () => {
      const token = await sign(claims());
      await fc.assert(
        fc.asyncProperty(
          fc.nat(token.length - 1),
          fc.constantFrom('A', 'B', 'z', '0', '9', '-', '_', '.'),
          async (at, character) => {
            if (token[at] === character) return;
            const changed = token.slice(0, at) + character + token.slice(at + 1);
            // Bits that a last character carries in vain change nothing in what was signed.
            const same = (part: number): boolean =>
              Buffer.from(changed.split('.')[part] ?? '', 'base64url').equals(
                Buffer.from(token.split('.')[part]!, 'base64url'),
              );
            if (changed.split('.').length === 3 && same(2) && at > token.lastIndexOf('.')) return;
            assert.notEqual(await verify(changed), 'ok');
          },
        ),
        { numRuns: 200 },
      );
    });

    it('is refused, and nothing breaks, whatever is sent in its place', async () => {
      const part = fc.oneof(
        fc.string(),
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
        fc.constant(Buffer.from('{"alg":"ES256","typ":"at+jwt"}').toString('base64url')),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
          async (text) => {
            looksLikeToken(text);
            assert.match(await verify(text), /^the /);
          },
        ),
        { numRuns: 300 },
      );
    });
  });

  it('is known by its form, and no key is', () => {
    assert.equal(looksLikeToken('eyJhbGciOiJub25lIn0.e30.'), true);
    for (const other of ['', 'llm_admin_0123', 'a.b.c', 'eyJ.eyJ', 'eyJ.a.b.c.d', 'eyJ.a.b c']) {
      assert.equal(looksLikeToken(other), false, other);
    }
  });
});
