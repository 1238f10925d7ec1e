import type { DeviceRegistry } from '../device/ports.ts';
import type { DeviceRecord } from '../device/types.ts';
import { isObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';

/** The device that is to carry out a method that devices registered. @throws RpcError -32601, -32602 */
export function methodOwner(
  registry: DeviceRegistry,
  method: string,
  deviceId: string | undefined,
): string {
  const owners = registry.methodOwners(method);
  const [first] = owners;
  if (!first) throw new RpcError(ErrorCode.MethodNotFound, `no device offers the method ${method}`);
  if (deviceId === undefined && owners.length === 1) return first.device_id;
  const wanted = deviceId === undefined ? undefined : registry.view(deviceId).device_id;
  if (wanted !== undefined && owners.some((owner) => owner.device_id === wanted)) return wanted;
  const devices = owners.slice(0, 50).map(({ device_id, name }) => ({ device_id, name }));
  throw invalidParam(
    'device_id',
    deviceId === undefined
      ? `${owners.length} devices offer ${method}; say which one by device_id`
      : `this device does not offer ${method}`,
    { allowed: devices, untrusted: ['allowed'] },
  );
}

/** Whether a command of a device takes an argument of this name. */
export function declaresArgument(
  { commands }: DeviceRecord,
  command: string,
  name: string,
): boolean {
  const schema = commands.find((declared) => declared.name === command)?.arguments;
  return isObject(schema?.['properties']) && Object.hasOwn(schema['properties'], name);
}
