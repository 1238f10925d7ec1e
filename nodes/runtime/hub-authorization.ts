import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { createCallRate } from '../core/security/call-rate.ts';
import type { Lockdown } from '../core/security/lockdown.ts';
import type { Stands } from './hub-authentication.ts';
import { createAuthorizer, type Authorize } from '../core/security/permissions.ts';

/** Who may call what, over the devices as they are at each call. */
export function createHubAuthorization(deps: {
  devices: DeviceRegistry;
  lockdown: Lockdown;
  stands: Stands;
  clock: Clock;
}): Authorize {
  const { devices, lockdown, stands, clock } = deps;
  const authorize = createAuthorizer({
    ownerOf: (id) => devices.ownerOf(id),
    requireSeen(principal, id, field) {
      // What is not there says so itself.
      if (!devices.canSee(principal, id)) devices.seenBy(principal).view(id, field);
    },
    rate: createCallRate({ clock }),
  });
  return (declaration, params, principal) => {
    if (lockdown.shutsOut(principal))
      throw new RpcError(ErrorCode.Unauthorized, 'an administrator has shut out all LLMs', {
        lockdown: lockdown.state(),
      });
    // It may have waited for its turn while its key ended.
    if (!stands(principal)) throw new RpcError(ErrorCode.Unauthorized, 'this key has ended');
    authorize(declaration, params, principal);
  };
}
