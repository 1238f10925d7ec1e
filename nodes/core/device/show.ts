import { masked } from '../security/sensitive.ts';
import type { Principal } from '../security/types.ts';
import { markUntrusted } from '../untrusted.ts';
import type { DeviceSummary, DeviceView } from './ports.ts';
import { sensitiveNamesOf } from './sensitive.ts';
import type { DeviceRecord, SensorRecord } from './types.ts';

const ofSummary = [
  'name',
  'device_type',
  'manufacturer',
  'model',
  'location',
  'labels',
  'measurement_types',
];
const ofSensor = [
  ...['name', 'manufacturer', 'model', 'address', 'static_schema', 'measurements', 'commands'],
  'applied_config',
];
const ofDevice = [
  ...[
    'name',
    'hardware_id',
    'device_type',
    'manufacturer',
    'model',
    'firmware_version',
    'location',
  ],
  ...[
    'labels',
    'aliases',
    'static_schema',
    'measurements',
    'commands',
    'applied_config',
    'operational_status',
  ],
];

type Labelled<T> = T & { untrusted: string[] };

const isItself = (principal: Principal | undefined, deviceId: string): boolean =>
  principal?.role === 'device' && principal.device_id === deviceId;

/** A device without its secrets. */
export function maskDevice<T extends DeviceRecord>(device: T): T {
  const names = sensitiveNamesOf(device);
  if (names.size === 0) return device;
  const { applied_config, operational_status } = device;
  return {
    ...device,
    ...(applied_config && { applied_config: masked(applied_config, names) }),
    ...(operational_status && { operational_status: masked(operational_status, names) }),
  };
}

/** A sensor without its secrets. */
export function maskSensor(sensor: SensorRecord): SensorRecord {
  const names = sensitiveNamesOf(sensor);
  if (names.size === 0 || !sensor.applied_config) return sensor;
  return { ...sensor, applied_config: masked(sensor.applied_config, names) };
}

/** `device.get` and `device.update` as this caller may see them: secrets only for the device itself. */
export function showDevice<T extends DeviceRecord | DeviceView>(
  device: T,
  principal: Principal | undefined,
): Labelled<T> {
  const paths = 'sensors' in device ? [...ofDevice, ...within('sensors', ofSensor)] : ofDevice;
  if (isItself(principal, device.device_id)) return markUntrusted(device, paths);
  const shown = maskDevice(device);
  const sensors = 'sensors' in shown ? { sensors: shown.sensors.map(maskSensor) } : {};
  return markUntrusted({ ...shown, ...sensors }, paths);
}

/** `device.list`. */
export const showDevices = <T extends { devices: DeviceSummary[] }>(page: T): Labelled<T> =>
  markUntrusted(page, within('devices', ofSummary));

/** `sensor.list` as this caller may see it. */
export function showSensors<T extends { sensors: SensorRecord[] }>(
  page: T,
  principal: Principal | undefined,
): Labelled<T> {
  const sensors = page.sensors.map((sensor) =>
    isItself(principal, sensor.mcu_id) ? sensor : maskSensor(sensor),
  );
  return markUntrusted({ ...page, sensors }, within('sensors', ofSensor));
}

const within = (list: string, paths: readonly string[]): string[] =>
  paths.map((path) => `${list}[].${path}`);
