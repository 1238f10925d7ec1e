import type { Clock } from '../core/clock.ts';
import type { DeviceService } from '../core/device/service.ts';
import type { AuditEntry, AuditTrail } from '../core/security/audit.ts';
import {
  createAuthentication,
  usernameOf,
  type Authenticate,
  type AuthenticationWay,
  type Caller,
} from '../core/security/authentication.ts';
import { createBoundedMap } from '../core/security/bounded-map.ts';
import type { Lockdown } from '../core/security/lockdown.ts';
import type { KeyRing, Principal } from '../core/security/types.ts';
import type { HubTls } from './hub-tls.ts';

/** Whether somebody who came in may still be here: the key may have ended since, or all LLMs been shut out. */
export type Stands = (principal: Principal) => boolean;

export const createStands =
  (keys: KeyRing, lockdown: Lockdown): Stands =>
  (principal) =>
    (principal.means !== 'key' || keys.isUsable(principal.id)) && !lockdown.shutsOut(principal);
/** By these ways every call shows a key, and some show nothing to learn what is needed. */
const perCall: ReadonlySet<Caller['transport']> = new Set(['http', 'mcp']);
/** Over HTTP every call shows a key: so often one principal from one address is on record as having come in. */
const httpAgainMs = 15 * 60_000;
const mostRemembered = 10_000;

/** Who may come in, by all means there are. A device that proves who it is has been seen. */
export function createHubAuthentication(deps: {
  keys: KeyRing;
  /** Takes access tokens; asked for what is no key. */
  tokens: AuthenticationWay;
  lockdown: Lockdown;
  certificates: Pick<HubTls, 'way' | 'mayShare'>;
  presence: Pick<DeviceService, 'seen'>;
  /** Holds up those who try keys. */
  guard: (authenticate: Authenticate) => Authenticate;
  audit: Pick<AuditTrail, 'record'>;
  clock: Clock;
}): Authenticate {
  const { keys, tokens, certificates, lockdown, presence, guard, audit, clock } = deps;
  const lately = createBoundedMap<string, number>(mostRemembered);
  /** A key of one device is worth nothing on the connection of another. */
  const onItsOwn =
    (authenticateAny: Authenticate): Authenticate =>
    async (credentials, caller) => {
      const principal = await authenticateAny(credentials, caller);
      if (!principal || certificates.mayShare(principal, credentials.certificate)) return principal;
      return undefined;
    };
  const authenticate = guard(
    onItsOwn(
      createAuthentication([
        ({ secret }) => (secret === undefined ? undefined : keys.authenticate(secret)),
        tokens,
        certificates.way,
      ]),
    ),
  );
  const isNew = ({ id, role }: Principal, { transport, address }: Caller): boolean => {
    if (!perCall.has(transport)) return true;
    const key = `${id} ${role} ${address}`;
    const now = clock.elapsed();
    const since = lately.get(key);
    if (since !== undefined && now - since < httpAgainMs) return false;
    lately.set(key, now);
    return true;
  };
  const tell = (
    { transport, address }: Caller,
    what: Pick<AuditEntry, 'outcome' | 'reason' | 'principal'>,
  ): void =>
    audit.record({
      ...{ action: 'authentication', subject: 'authenticate', transport, address },
      ...what,
    });

  return async (credentials, caller) => {
    const { secret, certificate, username } = credentials;
    const principal = await authenticate(credentials, caller);
    if (!principal) {
      // What was shown and is wrong has been told; over HTTP there are methods that need nothing.
      if (secret === undefined && certificate === undefined && !perCall.has(caller.transport))
        tell(caller, { outcome: 'failed', reason: 'nothing was shown' });
      return undefined;
    }
    // Over HTTP and WebSocket each call is told why it is refused.
    if (caller.transport === 'mqtt' && lockdown.shutsOut(principal)) {
      tell(caller, { outcome: 'refused', principal, reason: 'every LLM is shut out' });
      return undefined;
    }
    const isTheirs = username === undefined || usernameOf(principal) === username;
    if (isTheirs && isNew(principal, caller)) tell(caller, { outcome: 'ok', principal });
    if (principal.device_id !== undefined) presence.seen(principal.device_id);
    return principal;
  };
}
