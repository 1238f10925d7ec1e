import { isObject } from '../core/document.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import { parseStrictJson } from '../core/rpc/json.ts';
import type { Principal } from '../core/security/types.ts';
import type { InboundMessage } from '../core/topic/ports.ts';

/**
 * Who announces. The embedded broker knows; an external one has authenticated the client itself, so what it let
 * through speaks for the device it names, and may otherwise only register (decision 4).
 */
export function announcerOf(
  devices: DeviceRegistry,
  message: InboundMessage,
): Principal | undefined {
  if (message.principal) return message.principal;
  const request = readQuietly(message.payload);
  if (!isObject(request)) return undefined;
  const { method, params } = request;
  if (method === 'device.register') return { id: 'broker', role: 'device', registration: true };
  const named = isObject(params) ? (params['mcu_id'] ?? params['device_id']) : undefined;
  const deviceId = typeof named === 'string' ? devices.ownerOf(named) : undefined;
  return deviceId === undefined ? undefined : { id: 'broker', role: 'device', device_id: deviceId };
}

/**
 * The MQTT client id of who announces, for the answer. An external broker does not tell it, so there a client that
 * cannot ask for an answer by MQTT 5 properties says it itself, as a member `client_id` beside `params`.
 */
export function clientIdOf({ clientId, payload }: InboundMessage): string | undefined {
  if (clientId !== undefined) return clientId;
  const request = readQuietly(payload);
  const named = isObject(request) ? request['client_id'] : undefined;
  return typeof named === 'string' ? named : undefined;
}

/** The dispatcher says what is wrong with a body that cannot be parsed. */
function readQuietly(payload: Uint8Array): unknown {
  try {
    return parseStrictJson(payload);
  } catch {
    return undefined;
  }
}
