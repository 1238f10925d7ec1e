import type { DeviceRegistry } from '../core/device/ports.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { RpcSocket } from '../adapters/websocket/rpc-socket.ts';
import type { KeyRing } from '../core/security/types.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { formatTopic } from '../core/topic/topics.ts';

/**
 * `device.remove`: the device with its sensors, key, readings, connections and retained status.
 * @throws RpcError -32000
 */
export async function removeDevice(
  deps: {
    devices: DeviceRegistry;
    store: TelemetryStore;
    mqtt: MqttLink;
    liveClients: Pick<RpcSocket, 'disconnect'>;
    keys: KeyRing;
  },
  id: unknown,
): Promise<{ device_id: string; removed: true; sensors: string[] }> {
  const { devices, store, mqtt, liveClients, keys } = deps;
  const deviceId = devices.get(id).device_id;
  const keyIds = keys.idsOf(deviceId);
  const { sensors } = await devices.remove(deviceId);
  // Who came with a token is known by the device.
  for (const holder of [...keyIds, deviceId]) {
    mqtt.disconnect(holder);
    liveClients.disconnect(holder);
  }
  await store.removeDevice(deviceId);
  await mqtt.publish(formatTopic({ branch: 'status', deviceId }), '', { retain: true });
  return { device_id: deviceId, removed: true, sensors: sensors.map(({ sensor_id }) => sensor_id) };
}
