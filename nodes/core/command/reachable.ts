import type { DeviceRegistry } from '../device/ports.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { placeName } from '../rpc/quoted.ts';
import type { RunningCommand } from './lifecycle.ts';

/** Why a device cannot be commanded while it is away. */
export function offline(registry: Pick<DeviceRegistry, 'lastSeen'>, deviceId: string): RpcError {
  const lastSeen = new Date(registry.lastSeen(deviceId)).toISOString();
  return new RpcError(ErrorCode.DeviceOffline, `the device is offline, last seen ${lastSeen}`, {
    device_id: deviceId,
    last_seen: lastSeen,
  });
}

/** Most milliseconds after which it is worth asking whether a busy device is free. */
const longestLook = 1_000;

/** Why a device cannot be commanded while it carries out something else. */
export function busyWith(current: RunningCommand, now: number): RpcError {
  const { command, target, timeoutMs } = current.request;
  const freeBy = Date.parse(current.since) + timeoutMs;
  return new RpcError(
    ErrorCode.DeviceBusy,
    `the device has been carrying out ${placeName(command)} since ${current.since}; it takes one command at a time`,
    {
      device_id: target.device.device_id,
      command,
      command_id: current.id,
      since: current.since,
      free_by: new Date(freeBy).toISOString(),
      retry_after_ms: Math.min(longestLook, Math.max(100, freeBy - now)),
    },
  );
}
