import type { Clock } from '../clock.ts';
import { comparePageKeys, indexAfter, type PageKey } from '../paging.ts';
import type { RecordStore } from '../records.ts';
import { createSerially, type Serially } from '../serial.ts';
import { keepSensitive } from './sensitive.ts';
import type { DeviceRecord, SensorRecord, Target } from './types.ts';

/**
 * The devices and sensors in memory, mirroring the record store: a change is durable before it shows here. The parts
 * of the registry share it; nobody else does.
 */
export interface DeviceStore {
  readonly serially: Serially;
  load(): Promise<void>;
  device(id: string): DeviceRecord | undefined;
  sensor(id: string): SensorRecord | undefined;
  target(id: string): Target | undefined;
  sensorsOf(deviceId: string): SensorRecord[];
  byHardware(hardwareId: string): string | undefined;
  methodOwners(name: string): DeviceRecord[];
  methodNames(): string[];
  /** In the order of registration. */
  devices(): readonly DeviceRecord[];
  sensors(): Iterable<SensorRecord>;
  counts(): { devices: number; online: number; offline: number; sensors: number; methods: number };
  put(device: DeviceRecord): Promise<void>;
  putSensor(sensor: SensorRecord): Promise<void>;
  /**
   * Changes a device as it stands now, one change after the other. `change` returning the record itself changes
   * nothing. Resolves with undefined if the device is gone.
   */
  change(
    id: string,
    change: (device: DeviceRecord) => DeviceRecord,
  ): Promise<DeviceRecord | undefined>;
  changeSensor(id: string, change: (sensor: SensorRecord) => SensorRecord): Promise<void>;
  /** Removes a device and its sensors. */
  remove(device: DeviceRecord): Promise<SensorRecord[]>;
  touch(id: string): void;
  lastSeen(id: string): number;
}

export const pageKeyOfDevice = (device: DeviceRecord): PageKey => ({
  time: device.assigned_at,
  id: device.device_id,
});

export const methodsOf = (device: DeviceRecord): string[] =>
  device.commands.filter((command) => command.method).map((command) => command.name);

export function createDeviceStore(deps: { records: RecordStore; clock: Clock }): DeviceStore {
  const { records, clock } = deps;
  const devices = new Map<string, DeviceRecord>();
  const sensors = new Map<string, SensorRecord>();
  const sensorIds = new Map<string, Set<string>>();
  const hardware = new Map<string, string>();
  const methods = new Map<string, Set<string>>();
  const targets = new Map<string, Target>();
  const seen = new Map<string, number>();
  const serially = createSerially();
  let ordered: DeviceRecord[] = [];
  let online = 0;

  const sensorsOf = (deviceId: string): SensorRecord[] =>
    [...(sensorIds.get(deviceId) ?? [])].flatMap((id) => sensors.get(id) ?? []);
  const place = (device: DeviceRecord): number =>
    indexAfter(ordered, pageKeyOfDevice, pageKeyOfDevice(device));

  const retarget = (device: DeviceRecord): void => {
    targets.set(device.device_id, { device });
    for (const sensor of sensorsOf(device.device_id))
      targets.set(sensor.sensor_id, { device, sensor });
  };
  const unindex = (device: DeviceRecord): void => {
    if (device.hardware_id !== undefined) hardware.delete(device.hardware_id);
    if (device.status === 'online') online -= 1;
    for (const name of methodsOf(device)) {
      const owners = methods.get(name);
      owners?.delete(device.device_id);
      if (owners?.size === 0) methods.delete(name);
    }
  };
  const show = (device: DeviceRecord, inOrder: boolean): void => {
    const before = devices.get(device.device_id);
    if (before) unindex(before);
    devices.set(device.device_id, device);
    if (inOrder) {
      const at = place(device);
      if (before) ordered[at - 1] = device;
      else ordered.splice(at, 0, device);
    }
    if (device.hardware_id !== undefined) hardware.set(device.hardware_id, device.device_id);
    if (device.status === 'online') online += 1;
    for (const name of methodsOf(device)) {
      const owners = methods.get(name) ?? new Set();
      methods.set(name, owners.add(device.device_id));
    }
    retarget(device);
  };
  const showSensor = (sensor: SensorRecord): void => {
    sensors.set(sensor.sensor_id, sensor);
    const siblings = sensorIds.get(sensor.mcu_id) ?? new Set();
    sensorIds.set(sensor.mcu_id, siblings.add(sensor.sensor_id));
    const device = devices.get(sensor.mcu_id);
    if (device) retarget(device);
  };
  const lastSeen = (id: string): number =>
    seen.get(id) ?? Date.parse(devices.get(id)?.last_seen ?? '1970-01-01T00:00:00Z');

  const write = async (changed: DeviceRecord): Promise<DeviceRecord> => {
    const device = keepSensitive(devices.get(changed.device_id), changed);
    await records.put('device', device.device_id, device);
    show(device, true);
    return device;
  };
  const putSensor = async (changed: SensorRecord): Promise<void> => {
    const sensor = keepSensitive(sensors.get(changed.sensor_id), changed);
    await records.put('sensor', sensor.sensor_id, sensor);
    showSensor(sensor);
  };

  return {
    serially,
    async load() {
      const [storedDevices, storedSensors] = await Promise.all([
        records.all<DeviceRecord>('device'),
        records.all<SensorRecord>('sensor'),
      ]);
      for (const device of storedDevices) show(device, false);
      ordered = storedDevices.sort((a, b) =>
        comparePageKeys(pageKeyOfDevice(a), pageKeyOfDevice(b)),
      );
      for (const sensor of storedSensors) if (devices.has(sensor.mcu_id)) showSensor(sensor);
    },
    device: (id) => devices.get(id),
    sensor: (id) => sensors.get(id),
    target: (id) => targets.get(id),
    sensorsOf,
    byHardware: (hardwareId) => hardware.get(hardwareId),
    methodOwners: (name) => [...(methods.get(name) ?? [])].flatMap((id) => devices.get(id) ?? []),
    methodNames: () => [...methods.keys()],
    devices: () => ordered,
    sensors: () => sensors.values(),
    counts: () => ({
      devices: devices.size,
      online,
      offline: devices.size - online,
      sensors: sensors.size,
      methods: methods.size,
    }),
    put: async (device) => {
      await write(device);
    },
    putSensor,
    change: (id, change) =>
      serially(id, async () => {
        const current = devices.get(id);
        if (!current) return undefined;
        const next = change(current);
        if (next === current) return current;
        const stamped = { ...next, last_seen: new Date(lastSeen(id)).toISOString() };
        return write(stamped);
      }),
    changeSensor: async (id, change) => {
      const owner = sensors.get(id)?.mcu_id;
      if (owner === undefined) return;
      await serially(owner, async () => {
        const current = sensors.get(id);
        if (!current) return;
        const next = change(current);
        if (next !== current) await putSensor(next);
      });
    },
    async remove(device) {
      const removed = sensorsOf(device.device_id);
      await Promise.all([
        records.remove('device', device.device_id),
        ...removed.map((sensor) => records.remove('sensor', sensor.sensor_id)),
      ]);
      unindex(device);
      const at = place(device);
      ordered.splice(at - 1, 1);
      devices.delete(device.device_id);
      for (const id of [device.device_id, ...removed.map((sensor) => sensor.sensor_id)]) {
        targets.delete(id);
        sensors.delete(id);
      }
      sensorIds.delete(device.device_id);
      seen.delete(device.device_id);
      return removed;
    },
    touch: (id) => {
      if (devices.has(id)) seen.set(id, clock.now());
    },
    lastSeen,
  };
}
