import type { JsonObject } from '../document.ts';

import { invalidParam, optionalString } from '../params.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { quoted } from '../rpc/quoted.ts';
import { nearest } from '../rpc/suggest.ts';
import { devicesOf } from '../security/scope-rules.ts';
import { cleanText } from '../text.ts';
import { aliasesOf, cleanParam, labelsOf, textLimits } from './describe.ts';
import { listDevices, listSensors } from './listing.ts';
import { createMethodRegistration } from './methods.ts';
import type { DeviceRegistry } from './ports.ts';
import { createRegistration, type RegistrationDeps } from './register.ts';
import { createDiscovery } from './sensors.ts';
import { createDeviceStore, methodsOf, type DeviceStore } from './store.ts';
import type { DeviceRecord, MeasurementDeclaration } from './types.ts';
import { visibleStore } from './visible-store.ts';

export type RegistryDeps = Omit<RegistrationDeps, 'store'> & { records: RecordStore };

/** The registry of devices and sensors over a record store. */
export function createDeviceRegistry(deps: RegistryDeps): DeviceRegistry {
  const store = createDeviceStore(deps);
  const register = createRegistration({ ...deps, store });
  const registry = registryOver(deps, store, register);

  const seenBy: DeviceRegistry['seenBy'] = (principal) => {
    const sees = devicesOf(principal?.scope);
    if (!sees) return all;
    // A hardware id stays unique over all devices, so registering goes on with the whole store.
    return { ...registryOver(deps, visibleStore(store, sees), register), ...views };
  };
  const views: Pick<DeviceRegistry, 'seenBy' | 'canSee'> = {
    seenBy,
    canSee(principal, id) {
      const sees = devicesOf(principal?.scope);
      if (!sees) return true;
      const target = store.target(id);
      return target !== undefined && sees(target.device);
    },
  };
  const all: DeviceRegistry = { ...registry, ...views };
  return all;
}

function registryOver(
  deps: RegistryDeps,
  store: DeviceStore,
  register: DeviceRegistry['register'],
): Omit<DeviceRegistry, 'seenBy' | 'canSee'> {
  const { keys, events } = deps;
  const discover = createDiscovery({ ...deps, store });
  const registerMethod = createMethodRegistration({ ...deps, store });

  /** The device meant by an id, a sensor's id standing for its MCU. */
  const owner = (id: unknown, field = 'device_id'): DeviceRecord => {
    const device = typeof id === 'string' ? store.target(id)?.device : undefined;
    if (device) return device;
    throw notFound(store, id, field);
  };
  const get = (id: unknown): DeviceRecord => {
    const device = typeof id === 'string' ? store.device(id) : undefined;
    if (device) return device;
    throw notFound(store, id, 'device_id');
  };

  return {
    load: () => store.load(),
    register,
    get,
    view(id, field) {
      const device = owner(id, field);
      return {
        ...device,
        last_seen: new Date(store.lastSeen(device.device_id)).toISOString(),
        sensors: store.sensorsOf(device.device_id),
      };
    },
    list: (params) => listDevices(store, params),
    async update(params) {
      const { device_id } = get(params['device_id']);
      const change = changeOf(params);
      const device = await store.change(device_id, change);
      if (!device) throw notFound(store, device_id, 'device_id');
      events.emit('updated', { device });
      return device;
    },
    async remove(id) {
      const { device_id } = get(id);
      return store.serially(device_id, async () => {
        const device = get(device_id);
        await keys.revokeDevice(device_id);
        const sensors = await store.remove(device);
        events.emit('removed', { device });
        if (methodsOf(device).length > 0) events.emit('methods_changed', { device });
        return { device, sensors };
      });
    },
    resolve: (id) => store.target(id),
    sensorsOf: (deviceId) => store.sensorsOf(deviceId),
    ownerOf: (id) => store.target(id)?.device.device_id,
    discoverSensor: async (params) => {
      const field = params['mcu_id'] === undefined ? 'device_id' : 'mcu_id';
      return discover(owner(params[field], 'mcu_id'), params);
    },
    listSensors(params) {
      const field = params['mcu_id'] === undefined ? 'device_id' : 'mcu_id';
      const id = optionalString(params, field);
      return listSensors(store, id === undefined ? undefined : owner(id, field).device_id, params);
    },
    registerMethod: async (params) => registerMethod(get(params['device_id']), params),
    methodOwners: (name) => store.methodOwners(name),
    methodNames: () => store.methodNames(),
    async learn(id, measurements) {
      const before = store.target(id);
      if (store.sensor(id))
        await store.changeSensor(id, (sensor) => withLearned(sensor, measurements));
      else await store.change(id, (device) => withLearned(device, measurements));
      const after = store.target(id);
      if (after && after !== before) events.emit('learned', { device: after.device });
    },
    async setAppliedConfig(id, config) {
      if (store.sensor(id))
        await store.changeSensor(id, (sensor) => ({ ...sensor, applied_config: config }));
      else await store.change(id, (device) => ({ ...device, applied_config: config }));
    },
    async setOperationalStatus(deviceId, status) {
      const next = JSON.stringify(status);
      await store.change(deviceId, (device) =>
        JSON.stringify(device.operational_status) === next
          ? device
          : { ...device, operational_status: status },
      );
    },
    async setStatus(deviceId, status, reason) {
      let before = status;
      const device = await store.change(deviceId, (current) => {
        before = current.status;
        return before === status ? current : { ...current, status };
      });
      if (!device || before === status) return;
      if (status === 'online') events.emit('online', { device });
      else events.emit('offline', { device, reason: reason ?? 'unknown' });
    },
    touch: (deviceId) => store.touch(deviceId),
    lastSeen: (deviceId) => store.lastSeen(deviceId),
    *deviceIds() {
      for (const device of store.devices()) yield device.device_id;
    },
    counts: () => store.counts(),
  };

  function changeOf(params: JsonObject): (device: DeviceRecord) => DeviceRecord {
    const name = cleanParam(params, 'name', textLimits.name);
    const location = cleanParam(params, 'location', textLimits.name);
    const labels = labelsOf(params);
    const aliases = aliasesOf(params);
    const dropsLocation = 'location' in params && location === undefined;
    if (name === undefined && location === undefined && !labels && !aliases && !dropsLocation)
      throw invalidParam('name', 'give at least one of name, location, labels and aliases');
    return (device) => {
      const next: DeviceRecord = {
        ...device,
        ...(name !== undefined && { name }),
        ...(location !== undefined && { location }),
        ...(labels && { labels }),
        ...(aliases && { aliases }),
      };
      if (aliases?.length === 0) delete next.aliases;
      if (dropsLocation) delete next.location;
      return next;
    };
  }
}

function withLearned<T extends { measurements: MeasurementDeclaration[] }>(
  holder: T,
  learned: readonly MeasurementDeclaration[],
): T {
  const known = new Set(holder.measurements.map((measurement) => measurement.measurement_type));
  const fresh = learned.filter((measurement) => !known.has(measurement.measurement_type));
  if (fresh.length === 0) return holder;
  return { ...holder, measurements: [...holder.measurements, ...fresh] };
}

/** -32000; a caller that gave a name, or mistyped an id, is told which device it may have meant. */
function notFound(store: DeviceStore, id: unknown, field: string): RpcError {
  if (typeof id !== 'string' || id === '')
    return invalidParam(field, `${field} is missing; it must be the id of a device`);
  const meant = nearestDevice(store, cleanText(id, 64));
  const hint = meant
    ? `; did you mean ${quoted(meant.name)} (${meant.device_id})?`
    : '; device.list tells all';
  return new RpcError(ErrorCode.DeviceNotFound, `there is no device ${quoted(id)}${hint}`, {
    field,
    ...(meant && {
      nearest: { device_id: meant.device_id, name: meant.name },
      untrusted: ['reason', 'nearest'],
    }),
  });
}

function nearestDevice(store: DeviceStore, text: string): DeviceRecord | undefined {
  const devices = store.devices();
  const lower = text.toLowerCase();
  const same = devices.find(
    (device) => device.name.toLowerCase() === lower || device.device_id === lower,
  );
  if (same) return same;
  // Only so many are compared letter by letter, so that a wrong id stays cheap in a hub of 100,000 devices.
  const some = devices.slice(0, 1_000);
  const names = some.flatMap((device) => [device.name, device.device_id]);
  const guess = nearest(text, names);
  return some.find(
    ({ name, device_id }) =>
      name === guess || device_id === guess || (!guess && name.toLowerCase().includes(lower)),
  );
}
