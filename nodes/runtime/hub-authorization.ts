import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import { createCallRate } from '../core/security/call-rate.ts';
import { createAuthorizer, type Authorize } from '../core/security/permissions.ts';

/** Who may call what, over the devices as they are at each call. */
export function createHubAuthorization(deps: { devices: DeviceRegistry; clock: Clock }): Authorize {
  const { devices, clock } = deps;
  return createAuthorizer({
    ownerOf: (id) => devices.ownerOf(id),
    requireSeen(principal, id, field) {
      // What is not there says so itself.
      if (!devices.canSee(principal, id)) devices.seenBy(principal).view(id, field);
    },
    rate: createCallRate({ clock }),
  });
}
