import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import type { Clock } from '../../core/clock.ts';
import type { JsonObject } from '../../core/document.ts';
import type { Log } from '../../core/log.ts';
import { isLoopback, isSafeUrl } from './fetch-document.ts';

/** An authorization server whose tokens are taken. */
export interface Issuer {
  /** Its issuer identifier, letter by letter what its tokens have in `iss`. */
  issuer: string;
  /** Where its keys are; asked of the issuer's own metadata when it is not given. */
  jwksUri?: string;
}

export interface KeyTimes {
  /** Milliseconds between two attempts to read the keys, whatever asks for them. Default 30,000. */
  cooldownMs: number;
  /** How old keys may be before they are read again beside the work. Default 300,000. */
  freshMs: number;
  /** How old keys may be before they are read again first. Default 3,600,000. */
  staleMs: number;
}

const defaults: KeyTimes = { cooldownMs: 30_000, freshMs: 300_000, staleMs: 3_600_000 };

type KeySet = ReturnType<typeof createLocalJWKSet>;

/** The keys of a server could not be read yet: whether a token holds, nobody can say. */
export class KeysUnavailable extends Error {
  /** Milliseconds after which they will be asked for again. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the keys of the issuer cannot be read now');
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The key that a token of this header must be signed with.
 * @throws errors.JOSEError when there is none, KeysUnavailable
 */
export type FindKey = (header: JWSHeaderParameters) => ReturnType<KeySet>;

/**
 * The public keys of an authorization server, read when they are first needed. A key nobody knows has them read again,
 * but never more often than the cooldown allows. While the server cannot be reached the known keys go on; without any
 * nobody is judged.
 */
export function createIssuerKeys(deps: {
  issuer: Issuer;
  fetchDocument: (url: string) => Promise<JsonObject>;
  clock: Clock;
  log: Log;
  times?: Partial<KeyTimes>;
}): FindKey {
  const { issuer, fetchDocument, clock, log } = deps;
  const times = { ...defaults, ...deps.times };
  let known: { keys: KeySet; at: number } | undefined;
  let triedAt = -Infinity;
  let reading: Promise<void> | undefined;
  let jwksUri = issuer.jwksUri;

  const read = async (): Promise<void> => {
    try {
      jwksUri ??= await discover(issuer.issuer, fetchDocument);
      const document = await fetchDocument(jwksUri);
      known = {
        keys: createLocalJWKSet(document as unknown as JSONWebKeySet),
        at: clock.elapsed(),
      };
    } catch (error) {
      // It may have moved.
      jwksUri = issuer.jwksUri;
      log.warn(`OAuth: the keys of ${issuer.issuer} cannot be read: ${(error as Error).message}`);
    }
  };

  const refresh = (): Promise<void> => {
    if (reading) return reading;
    if (clock.elapsed() - triedAt < times.cooldownMs) return Promise.resolve();
    triedAt = clock.elapsed();
    reading = read().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return async (header) => {
    const age = known ? clock.elapsed() - known.at : Infinity;
    if (age > times.staleMs) await refresh();
    else if (age > times.freshMs) void refresh();
    const before = known;
    if (!before) {
      throw new KeysUnavailable(Math.max(0, triedAt + times.cooldownMs - clock.elapsed()));
    }
    try {
      return await find(before.keys, header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      if (!known || known === before) throw error;
      return find(known.keys, header);
    }
  };
}

function find(keys: KeySet, header: JWSHeaderParameters): ReturnType<KeySet> {
  // Only the name of the key counts: what a token says of its key itself (jku, jwk, x5u, x5c) is not looked at.
  const { alg, kid } = header;
  return keys({ alg, ...(kid === undefined ? {} : { kid }) } as JWSHeaderParameters);
}

/** Where an authorization server has its keys, by its metadata (OpenID Connect Discovery, RFC 8414). */
async function discover(
  issuer: string,
  fetchDocument: (url: string) => Promise<JsonObject>,
): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const places = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
  const failures: string[] = [];
  for (const place of places) {
    try {
      return jwksUriOf(await fetchDocument(place), issuer);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new Error(failures.join('; '));
}

function jwksUriOf(metadata: JsonObject, issuer: string): string {
  const { jwks_uri: uri } = metadata;
  if (metadata['issuer'] !== issuer) throw new Error('its metadata is of another issuer');
  if (typeof uri !== 'string' || !isSafeUrl(uri)) {
    throw new Error('its metadata has no jwks_uri that begins with https');
  }
  if (isLoopback(new URL(uri)) && !isLoopback(new URL(issuer))) {
    throw new Error('its jwks_uri is an address of this machine');
  }
  return uri;
}
