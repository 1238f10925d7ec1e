import type { JsonObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { quoted } from '../rpc/quoted.ts';
import type { ResolvePhrase } from './plan-request.ts';

/**
 * Params with the id of the one device that words mean, where there are words in place of an id.
 * @throws RpcError -32602 when they mean none, or several
 */
export function withDevice(params: JsonObject, resolve: ResolvePhrase | undefined): JsonObject {
  const { device, ...others } = params;
  if (
    (device ?? undefined) === undefined ||
    !resolve ||
    (params['plan_id'] ?? undefined) !== undefined
  )
    return params;
  if ((params['device_id'] ?? undefined) !== undefined)
    throw invalidParam('device', 'name the device by device or by device_id, not by both', {
      fix: { remove: ['device'] },
    });
  const [device_id, ...more] = resolve(device, 'device');
  if (more.length > 0)
    throw invalidParam('device', `${quoted(device)} means ${more.length + 1} devices`, {
      suggestions: [
        'Name one of them.',
        'Call device.plan with the same device, and carry the plan out: it is for all of them.',
      ],
    });
  return { ...others, device_id };
}
