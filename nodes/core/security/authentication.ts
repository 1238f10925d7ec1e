import type { Transport } from '../rpc/types.ts';
import type { Principal } from './types.ts';

/** A client certificate that chains to a certificate authority the hub trusts; dates are still to be checked. */
export interface ClientCertificate {
  /** SHA-256 of the certificate, hex in lower case without colons. */
  fingerprint: string;
  /** Common name of the subject. */
  subject: string;
  /** Hexadecimal in lower case, without zeros in front. */
  serial: string;
  /** Milliseconds since the epoch. */
  validFrom: number;
  validTo: number;
  /** Issued by the hub's own authority. */
  isOwn: boolean;
  /** Fingerprint of the authority that issued it; undefined when one between is not known here. */
  authority?: string;
}

/** What somebody shows to prove who they are. */
export interface Credentials {
  /** Whom the secret is to prove, where a protocol says so; it must be `usernameOf` of whoever the secret proves. */
  username?: string;
  /** An API key or an access token. */
  secret?: string;
  certificate?: ClientCertificate;
}

/** Where somebody comes from. */
export interface Caller {
  transport: Transport;
  /** IP address of the peer. */
  address: string;
  /** What program the peer says it is; anybody can say anything. */
  agent?: string;
  /** The peer's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/**
 * Who this is; undefined for somebody who shows nothing, or nothing valid.
 * @throws RpcError -32006 with `retry_after_ms` when this caller has to wait before it may try again
 */
export type Authenticate = (
  credentials: Credentials,
  caller: Caller,
) => Promise<Principal | undefined>;

/** One means of proof; undefined when these credentials are none of its own or not valid. */
export type AuthenticationWay = (
  credentials: Credentials,
  caller: Caller,
) => Principal | undefined | Promise<Principal | undefined>;

/** Tries the means in their order; the first that knows the caller counts. */
export function createAuthentication(ways: readonly AuthenticationWay[]): Authenticate {
  return async (credentials, caller) => {
    for (const way of ways) {
      const principal = await way(credentials, caller);
      if (principal) return principal;
    }
    return undefined;
  };
}

/** Principals: one by its id or that of its device, or those of which it is true. */
export type Meant = string | ((principal: Principal) => boolean);

export function matcherOf(who: Meant): (principal: Principal) => boolean {
  if (typeof who !== 'string') return who;
  return ({ id, device_id: deviceId }) => id === who || deviceId === who;
}

/**
 * The user name an MQTT client shows beside its key, token or certificate. Whoever has a token does not know the id the
 * hub gives its holder.
 */
export function usernameOf(principal: Principal): string {
  if (principal.registration) return 'register';
  return principal.device_id ?? (principal.means === 'token' ? 'token' : principal.id);
}
