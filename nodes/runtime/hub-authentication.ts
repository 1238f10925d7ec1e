import type { DeviceService } from '../core/device/service.ts';
import {
  createAuthentication,
  type Authenticate,
  type AuthenticationWay,
} from '../core/security/authentication.ts';
import type { Lockdown } from '../core/security/lockdown.ts';
import type { KeyRing, Principal } from '../core/security/types.ts';
import type { HubTls } from './hub-tls.ts';

/** Whether somebody who came in may still be here: the key may have ended since, or all LLMs been shut out. */
export type Stands = (principal: Principal) => boolean;

export const createStands =
  (keys: KeyRing, lockdown: Lockdown): Stands =>
  (principal) =>
    (principal.means !== 'key' || keys.isUsable(principal.id)) && !lockdown.shutsOut(principal);

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
}): Authenticate {
  const { keys, tokens, certificates, lockdown, presence, guard } = deps;
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
  return async (credentials, caller) => {
    const principal = await authenticate(credentials, caller);
    // Over HTTP and WebSocket each call is told why it is refused.
    if (principal && caller.transport === 'mqtt' && lockdown.shutsOut(principal)) return undefined;
    if (principal?.device_id !== undefined) presence.seen(principal.device_id);
    return principal;
  };
}
