import type { DeviceRegistry } from '../core/device/ports.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { formatTopic } from '../core/topic/topics.ts';

/**
 * `device.remove`: the device with its sensors, key, readings, connections and retained status.
 * @throws RpcError -32000
 */
export async function removeDevice(
  deps: { devices: DeviceRegistry; store: TelemetryStore; mqtt: MqttLink },
  id: unknown,
): Promise<{ device_id: string; removed: true; sensors: string[] }> {
  const { devices, store, mqtt } = deps;
  const { device, sensors } = await devices.remove(id);
  const deviceId = device.device_id;
  mqtt.disconnect(deviceId);
  await store.removeDevice(deviceId);
  await mqtt.publish(formatTopic({ branch: 'status', deviceId }), '', { retain: true });
  return { device_id: deviceId, removed: true, sensors: sensors.map(({ sensor_id }) => sensor_id) };
}
