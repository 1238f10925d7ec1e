import type { JsonObject } from '../document.ts';
import type { Approvals } from './approvals.ts';
import { confirmationOfWaited } from './call-confirmation.ts';
import { recordOf, type Call, type ReadCall } from './command-call.ts';
import type { CommandRecord } from './types.ts';

/** The record of a command that waits for its device, with all that it takes to send it later. */
export function recordOfWaiting(
  { request, options, confirm }: ReadCall,
  call: Call,
  { id, now, until }: { id: string; now: number; until: number },
): CommandRecord {
  const { principal, policies, origin, method } = call;
  const { target, command, arguments: args, sensitive, declaration } = request;
  return {
    ...{ command_id: id, device_id: target.device.device_id },
    ...(target.sensor && { sensor_id: target.sensor.sensor_id }),
    ...{ command, arguments: args },
    ...(sensitive.size > 0 && { sensitive: [...sensitive] }),
    ...{ state: 'queued', issued_by: principal?.id ?? 'flow' },
    created_at: new Date(now).toISOString(),
    ...recordOf(call, options),
    expires_at: new Date(until).toISOString(),
    waits: {
      ...{ method, policies: [...policies] },
      ...{ signed: request.critical, timeout_ms: request.timeoutMs },
      ...(declaration?.destructive && { confirmed: true }),
      ...(principal && { principal }),
      ...(origin && { origin }),
      ...(confirm && { confirm }),
    },
  };
}

/** The call of a command that waited, as it came. @param callOf makes a call of its parts */
export function callOfWaited(
  waited: CommandRecord,
  approvals: Approvals | undefined,
  callOf: (
    call: Pick<Call, 'method' | 'params' | 'principal'>,
    policy: undefined,
    origin: Call['origin'],
  ) => Call,
): Call {
  const { device_id, sensor_id, command, arguments: args, reason, reverts, waits } = waited;
  const {
    method = 'device.execute',
    policies = [],
    timeout_ms,
    principal,
    origin,
    confirm,
  } = waits ?? {};
  const params: JsonObject = {
    ...{ device_id: sensor_id ?? device_id, command, arguments: args, timeout_ms },
    ...(reason !== undefined && { reason }),
    ...(confirm && { confirm }),
  };
  return {
    ...callOf({ method, params, principal }, undefined, origin),
    ...{ policies, isAnswer: false, waited },
    ...(reverts !== undefined && { reverts }),
    confirmation: confirmationOfWaited({
      ...{ approvals, principal },
      ...{ signed: waits?.signed === true, confirmed: waits?.confirmed === true },
    }),
  };
}
