import type { AuditTrail } from './audit.ts';
import { usernameOf, type Authenticate, type Caller, type Credentials } from './authentication.ts';
import type { Attempt, GuessGuard, Wait } from './guesses.ts';
import { networkOf } from './network.ts';
import type { Refusals } from './refusals.ts';

/**
 * Holds up those who try keys: before the time that they were given nothing is looked at.
 * @param deps.isExempt addresses that are never held up
 * @throws what it makes throws RpcError -32006 with `retry_after_ms`, and `banned` true for a ban
 */
export function guardAuthentication(
  authenticate: Authenticate,
  deps: {
    guesses: GuessGuard;
    refusals: Refusals;
    audit: Pick<AuditTrail, 'record'>;
    isExempt: (address: string) => boolean;
  },
): Authenticate {
  const { guesses, refusals, audit, isExempt } = deps;

  const mayTry = (attempt: Attempt, caller: Caller): void => {
    const wait = guesses.check(attempt);
    if (!wait) return;
    throw refusals.refuse(wait.cause, {
      ...caller,
      subject: 'authenticate',
      reason: sentences[wait.cause],
      retryAfterMs: wait.ms,
    });
  };

  return async (credentials, caller) => {
    const { username, secret, certificate } = credentials;
    const shown = secret !== undefined || certificate !== undefined;
    const guarded = shown && !isExempt(caller.address);
    const attempt = guarded ? attemptOf(credentials, caller) : undefined;
    if (attempt) mayTry(attempt, caller);
    const proved = await authenticate(credentials, caller);
    const isTheirs = proved && (username === undefined || usernameOf(proved) === username);
    if (isTheirs) {
      if (attempt) guesses.succeeded(attempt.network);
      return proved;
    }
    if (!shown) return undefined;
    const wait = attempt && guesses.failed(attempt);
    audit.record({
      ...caller,
      action: 'authentication',
      outcome: 'failed',
      subject: 'authenticate',
      reason: wait ? `${wrong}; ${consequences(wait)}` : wrong,
      ...(username === undefined ? {} : { details: { username: username.slice(0, 128) } }),
    });
    return undefined;
  };
}

/** Tells of failures where nobody is held up for them. */
export const tellFailures =
  (authenticate: Authenticate, audit: Pick<AuditTrail, 'record'>): Authenticate =>
  async (credentials, caller) => {
    const proved = await authenticate(credentials, caller);
    const { secret, certificate } = credentials;
    if (!proved && (secret !== undefined || certificate !== undefined))
      audit.record({
        ...{ transport: caller.transport, address: caller.address },
        ...{ action: 'authentication', outcome: 'failed', subject: 'authenticate', reason: wrong },
      });
    return proved;
  };

const wrong = 'unknown, expired or revoked';
const sentences = {
  slowed: 'too many wrong keys came from this address: wait before the next try',
  banned: 'too many wrong keys came from this address: it is shut out for a while',
};

const consequences = ({ cause, ms }: Wait): string =>
  cause === 'banned'
    ? `the address is shut out for ${Math.round(ms / 60_000)} minutes`
    : `the address has to wait ${ms} ms`;

function attemptOf({ username, secret = '', certificate }: Credentials, caller: Caller): Attempt {
  return {
    network: networkOf(caller.address),
    shown: `${username ?? ''} ${certificate?.fingerprint ?? ''} ${fingerprint(secret)}`,
    identity: username?.slice(0, 128) ?? kindOf(secret),
  };
}

/** Tells secrets apart (FNV-1a, 32 bits) without keeping any of them. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

/** The kind of key a secret claims to be: the words before its random part. */
const kindOf = (secret: string): string =>
  /^[a-z]{1,16}(?:_[a-z]{1,16})?(?=_)/.exec(secret)?.[0] ?? 'bearer';
