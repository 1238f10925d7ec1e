import { errors, jwtVerify } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { isObject, type JsonObject } from '../../core/document.ts';
import { parseStrictJson } from '../../core/rpc/json.ts';
import { KeysUnavailable, type FindKey } from './issuer-keys.ts';

/** What an access token must be to be looked at. */
export interface TokenDemands {
  /** The names by which this hub is meant; a token must be for one of them. */
  audiences: readonly string[];
  /** Names of JWS algorithms with public keys. */
  algorithms: readonly string[];
  /** Takes tokens whose header has the type JWT or none, beside those of RFC 9068 (`at+jwt`). */
  anyType: boolean;
  toleranceSeconds: number;
}

/**
 * The claims of a token that holds, or why it does not: one of a few sentences, with nothing of the token in them. With
 * `retryAfterMs` it may be good, and can be judged after that time.
 */
export type TokenVerdict = { claims: JsonObject } | { refused: string; retryAfterMs?: number };

/** Longest token that is looked at, in characters. */
export const maxTokenLength = 8_192;
const longestSubject = 512;

/** Whether this is a signed JWT by its form; an API key is none. */
export function looksLikeToken(secret: string): boolean {
  return /^ey[\w-]*\.[\w-]*\.[\w-]*$/.test(secret);
}

/** Verifies JWT access tokens (RFC 9068, RFC 8725). `keysOf` is asked for issuers that are trusted, and only for them. */
export function createTokenVerifier(deps: {
  keysOf: ReadonlyMap<string, FindKey>;
  demands: TokenDemands;
  clock: Clock;
}): (token: string) => Promise<TokenVerdict> {
  const { keysOf, demands, clock } = deps;

  return async (token) => {
    if (token.length > maxTokenLength) {
      return { refused: `the token is longer than ${maxTokenLength} characters` };
    }
    const [header, claims] = token.split('.', 2).map(partOf);
    if (!header || !claims) return { refused: 'the token is malformed' };
    const unfit = unfitHeader(header, demands);
    if (unfit !== undefined) return { refused: unfit };
    const { iss: issuer } = claims;
    const findKey = typeof issuer === 'string' ? keysOf.get(issuer) : undefined;
    if (typeof issuer !== 'string' || !findKey) {
      return { refused: 'the issuer of the token is not trusted' };
    }
    try {
      const { payload } = await jwtVerify(token, findKey, {
        issuer,
        audience: [...demands.audiences],
        algorithms: [...demands.algorithms],
        clockTolerance: demands.toleranceSeconds,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub'],
      });
      const wrong = wrongClaim(payload, clock.now() / 1000 + demands.toleranceSeconds);
      return wrong === undefined ? { claims: payload } : { refused: wrong };
    } catch (error) {
      if (!(error instanceof KeysUnavailable)) return { refused: reasonOf(error) };
      return { refused: error.message, retryAfterMs: error.retryAfterMs };
    }
  };
}

/** A part of a token as the JSON object it is, with no name in it twice. */
function partOf(part: string): JsonObject | undefined {
  try {
    const value = parseStrictJson(Buffer.from(part, 'base64url'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unfitHeader(
  header: JsonObject,
  { algorithms, anyType }: TokenDemands,
): string | undefined {
  const { alg, typ = 'JWT' } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    return 'the algorithm of the token is not allowed';
  }
  if (Object.hasOwn(header, 'crit')) return 'the token asks for an extension the hub does not have';
  const type = String(typ)
    .toLowerCase()
    .replace(/^application\//, '');
  if (type === 'at+jwt' || (anyType && type === 'jwt')) return undefined;
  return 'the token is not of the type at+jwt';
}

/** What is wrong in claims whose signature holds, beyond what was demanded of the library. */
function wrongClaim(claims: JsonObject, latest: number): string | undefined {
  const { sub, iat, cnf } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > longestSubject) {
    return 'the token has no subject';
  }
  if (typeof iat === 'number' && iat > latest) return 'the token was issued in the future';
  // Whoever holds such a token has to prove more than that (RFC 8705, RFC 9449).
  if (cnf !== undefined) return 'the token is bound to a key that its holder did not show';
  return undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    if (error.reason === 'missing') return `the token has no ${claim}`;
    if (claim === 'aud') return 'the token is for another audience';
    if (claim === 'nbf' && error.reason === 'check_failed') return 'the token is not valid yet';
    return `the token has a wrong ${claim}`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return 'the signature of the token is wrong';
  }
  if (error instanceof errors.JWKSNoMatchingKey) return 'no key of the issuer fits the token';
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return 'several keys of the issuer fit the token, and it names none';
  }
  return 'the token is malformed';
}
