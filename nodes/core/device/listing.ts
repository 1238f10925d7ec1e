import { isObject, type JsonObject } from '../document.ts';
import { invalidParam, optionalString, optionalWord } from '../params.ts';
import { indexAfter, pagingOf, takePage } from '../paging.ts';
import type { DeviceSummary } from './ports.ts';
import { pageKeyOfDevice, type DeviceStore } from './store.ts';
import { deviceStatuses, type DeviceRecord, type SensorRecord } from './types.ts';

const limits = { usual: 100, max: 1_000 };

type Test = (device: DeviceRecord) => boolean;

const has = (text: string | undefined, part: string): boolean =>
  text?.toLowerCase().includes(part) ?? false;

/** `DeviceRegistry.list`. @throws RpcError -32602 */
export function listDevices(
  store: DeviceStore,
  params: JsonObject,
): { devices: DeviceSummary[]; cursor?: string } {
  const { limit, after } = pagingOf(params, limits);
  const tests = testsOf(params);
  const all = store.devices();
  const start = indexAfter(all, pageKeyOfDevice, after);
  const page = takePage(all, start, limit, pageKeyOfDevice, (device) =>
    tests.every((test) => test(device)),
  );
  return {
    devices: page.items.map((device) => summaryOf(store, device)),
    ...(page.cursor !== undefined && { cursor: page.cursor }),
  };
}

function testsOf(params: JsonObject): Test[] {
  const tests: Test[] = [];
  const status = optionalWord(params, 'status', deviceStatuses);
  if (status) tests.push((device) => device.status === status);
  const type = optionalString(params, 'device_type')?.toLowerCase();
  if (type !== undefined) tests.push((device) => device.device_type.toLowerCase() === type);
  const name = optionalString(params, 'name')?.toLowerCase();
  if (name !== undefined) tests.push((device) => has(device.name, name));
  const location = optionalString(params, 'location')?.toLowerCase();
  if (location !== undefined) tests.push((device) => has(device.location, location));
  const search = optionalString(params, 'search')?.trim().toLowerCase();
  if (search) tests.push((device) => found(device, search));
  return [...tests, ...labelTests(params['labels'] ?? undefined)];
}

function labelTests(labels: unknown): Test[] {
  if (labels === undefined) return [];
  if (!isObject(labels)) throw invalidParam('labels', 'labels must be an object of strings');
  return Object.entries(labels).map(([key, value]) => {
    if (typeof value !== 'string')
      throw invalidParam(`labels.${key}`, 'the value of a label must be a string');
    return (device) => Object.hasOwn(device.labels, key) && device.labels[key] === value;
  });
}

function found(device: DeviceRecord, part: string): boolean {
  const { device_id, name, device_type, manufacturer, model, location, labels } = device;
  return (
    [device_id, name, device_type, manufacturer, model, location].some((text) => has(text, part)) ||
    Object.values(labels).some((value) => has(value, part))
  );
}

function summaryOf(store: DeviceStore, device: DeviceRecord): DeviceSummary {
  const { device_id, name, device_type, manufacturer, model, location, labels, status } = device;
  const sensors = store.sensorsOf(device_id);
  return {
    device_id,
    name,
    device_type,
    ...(manufacturer !== undefined && { manufacturer }),
    ...(model !== undefined && { model }),
    ...(location !== undefined && { location }),
    labels,
    status,
    last_seen: new Date(store.lastSeen(device_id)).toISOString(),
    measurement_types: typesOf(device, sensors),
    sensor_count: sensors.length,
  };
}

function typesOf(device: DeviceRecord, sensors: readonly SensorRecord[]): string[] {
  const declared = [device, ...sensors].flatMap(({ measurements }) => measurements);
  return [...new Set(declared.map((measurement) => measurement.measurement_type))].sort();
}

/** `DeviceRegistry.listSensors`, the device or sensor id already looked up. @throws RpcError -32602 */
export function listSensors(
  store: DeviceStore,
  mcuId: string | undefined,
  params: JsonObject,
): { sensors: SensorRecord[]; cursor?: string } {
  const { limit, after } = pagingOf(params, limits);
  const model = optionalString(params, 'model')?.toLowerCase();
  const type = optionalString(params, 'measurement_type');
  const keyOf = (sensor: SensorRecord) => ({ time: sensor.assigned_at, id: sensor.sensor_id });
  const sensors = (mcuId === undefined ? [...store.sensors()] : store.sensorsOf(mcuId)).sort(
    (a, b) => (a.assigned_at + a.sensor_id < b.assigned_at + b.sensor_id ? -1 : 1),
  );
  const page = takePage(sensors, indexAfter(sensors, keyOf, after), limit, keyOf, (sensor) => {
    if (model !== undefined && !has(sensor.model, model)) return false;
    return (
      type === undefined ||
      sensor.measurements.some((measurement) => measurement.measurement_type === type)
    );
  });
  return { sensors: page.items, ...(page.cursor !== undefined && { cursor: page.cursor }) };
}
