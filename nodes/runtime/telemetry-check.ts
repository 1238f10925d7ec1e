import { ErrorCode, RpcError, toErrorObject } from '../core/rpc/errors.ts';
import type { Principal } from '../core/security/types.ts';
import { normaliseTelemetry, type NormalisedTelemetry } from '../core/telemetry/normalise.ts';
import type { Rejection } from '../core/telemetry/types.ts';
import type { Hub } from './hub.ts';
import { paramsOf, type HubMessage } from './message.ts';

export interface CheckedTelemetry {
  /** Goes on to the store, also when nothing is left in it, so that the sender gets its answer. */
  valid: HubMessage;
  /** One message per device with what was refused. */
  refused: HubMessage[];
}

/**
 * Checks the readings of a message against what their devices and sensors declare. Opens a delivery for messages
 * that do not have one (calls, and readings a flow made itself); `source` is told when nobody settles it.
 */
export async function checkTelemetry(
  hub: Hub,
  message: HubMessage,
  source: string,
): Promise<CheckedTelemetry> {
  const found = normalise(hub, message);
  hub.noteOperationalStatus(paramsOf(message)['device_id'], found.operational_status);
  const delivery =
    message.delivery ??
    hub.deliveries.open({
      transport: message.rpc?.transport ?? 'flow',
      readings: found.readings.length + found.rejected.length,
      source,
      onSettled: () => undefined,
    });
  const checked = await hub.checkReadings(found.readings, found.positions);
  const rejected = [...found.rejected, ...checked.rejected];
  hub.deliveries.reject(delivery, rejected);
  return {
    valid: { ...message, payload: checked.accepted, delivery },
    refused: refusalsByDevice(rejected, found).map(({ device_id, rejections }) => ({
      ...message,
      payload: { device_id, rejected: rejections },
      device: { device_id },
      error: refusalOf(rejections),
    })),
  };
}

/** @throws RpcError when no reading can be made out; a caller is told so here, because nothing goes on to the store */
function normalise(hub: Hub, { payload, rpc }: HubMessage): NormalisedTelemetry {
  try {
    return normaliseTelemetry(payload, {
      arrival: hub.clock.now(),
      owns: ownedBy(hub, rpc?.principal),
    });
  } catch (error) {
    if (rpc && error instanceof RpcError) hub.dispatcher.settle(rpc.id, { error });
    throw error;
  }
}

/** A device speaks for itself and its sensors; readings a flow or an administrator brings name whom these may know of. */
function ownedBy(hub: Hub, principal: Principal | undefined): (id: string) => boolean {
  const own = principal?.role === 'device' ? principal.device_id : undefined;
  return own === undefined
    ? (id) => hub.devices.canSee(principal, id)
    : (id) => hub.devices.ownerOf(id) === own;
}

function refusalOf(rejections: readonly Rejection[]): NonNullable<HubMessage['error']> {
  const reason = `${String(rejections.length)} reading(s) refused: ${rejections[0]?.reason ?? ''}`;
  return toErrorObject(
    new RpcError(ErrorCode.SchemaValidationFailed, reason, { rejected: rejections.slice(0, 10) }),
  );
}

function refusalsByDevice(
  rejected: readonly Rejection[],
  { readings, positions }: NormalisedTelemetry,
): { device_id: string; rejections: Rejection[] }[] {
  const byDevice = new Map<string, Rejection[]>();
  for (const rejection of rejected) {
    const at = positions ? positions.indexOf(rejection.index) : rejection.index;
    const deviceId = readings[at]?.device_id ?? readings[0]?.device_id ?? 'unknown';
    const list = byDevice.get(deviceId) ?? [];
    byDevice.set(deviceId, list);
    list.push(rejection);
  }
  return [...byDevice].map(([device_id, rejections]) => ({ device_id, rejections }));
}
