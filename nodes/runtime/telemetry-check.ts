import { ErrorCode, RpcError, toErrorObject } from '../core/rpc/errors.ts';
import { normaliseTelemetry } from '../core/telemetry/normalise.ts';
import type { Reading, Rejection } from '../core/telemetry/types.ts';
import type { Hub } from './hub.ts';
import type { HubMessage } from './message.ts';

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
  const deviceId = message.device?.device_id;
  const found = normaliseTelemetry(message.payload, {
    arrival: hub.clock.now(),
    ...(deviceId === undefined ? {} : { deviceId }),
  });
  const delivery =
    message.delivery ??
    hub.deliveries.open({
      transport: message.rpc?.transport ?? 'flow',
      readings: found.readings.length + found.rejected.length,
      source,
      onSettled: () => undefined,
    });
  const checked = await hub.checkReadings(found.readings);
  const rejected = [...found.rejected, ...checked.rejected];
  hub.deliveries.reject(delivery, rejected);
  return {
    valid: { ...message, payload: checked.accepted, delivery },
    refused: refusalsByDevice(rejected, found.readings).map(({ device_id, rejections }) => ({
      ...message,
      payload: { device_id, rejected: rejections },
      device: { device_id },
      error: refusalOf(rejections),
    })),
  };
}

function refusalOf(rejections: readonly Rejection[]): NonNullable<HubMessage['error']> {
  const reason = `${String(rejections.length)} reading(s) refused: ${rejections[0]?.reason ?? ''}`;
  return toErrorObject(new RpcError(ErrorCode.SchemaValidationFailed, reason, { rejected: rejections.slice(0, 10) }));
}

function refusalsByDevice(
  rejected: readonly Rejection[],
  readings: readonly Reading[],
): { device_id: string; rejections: Rejection[] }[] {
  const byDevice = new Map<string, Rejection[]>();
  for (const rejection of rejected) {
    const deviceId = readings[rejection.index]?.device_id ?? readings[0]?.device_id ?? 'unknown';
    const list = byDevice.get(deviceId) ?? [];
    byDevice.set(deviceId, list);
    list.push(rejection);
  }
  return [...byDevice].map(([device_id, rejections]) => ({ device_id, rejections }));
}
