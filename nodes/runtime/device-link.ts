import type { DeviceLink } from '../core/command/types.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { formatTopic } from '../core/topic/topics.ts';

/**
 * Commands to devices over MQTT: a JSON-RPC request on their `command/request` (specification section 5.2).
 * @param sign what goes beside a critical command
 */
export function createMqttDeviceLink(
  mqtt: MqttLink,
  sign: (command: {
    targetId: string;
    id: string;
    method: string;
    params: Record<string, unknown>;
  }) => object | undefined,
): DeviceLink {
  return {
    deliver: (targetId, { id, method, params, critical, traceparent }, timeoutMs, onDelivered) =>
      mqtt.publish(
        formatTopic({ branch: 'command-request', deviceId: targetId }),
        JSON.stringify({
          ...{ jsonrpc: '2.0', id, method, params },
          ...(critical && sign({ targetId, id, method, params })),
        }),
        // A device that comes back later must not do what nobody waits for any more.
        {
          ...{ qos: 1, messageExpiry: Math.ceil(timeoutMs / 1000) },
          ...(onDelivered && { onDelivered }),
          ...(traceparent !== undefined && { traceparent }),
        },
      ),
    listens: (targetId) =>
      mqtt.isHeard?.(formatTopic({ branch: 'command-request', deviceId: targetId })),
  };
}
