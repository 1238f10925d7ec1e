import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import type { Emitter, HubEvents } from '../events.ts';
import type { Ids } from '../ids.ts';
import { invalidParam, optionalString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { SchemaRegistry } from '../schema/ports.ts';
import { devicesOf, type Sees } from '../security/scope-rules.ts';
import type { KeyRing, Principal } from '../security/types.ts';
import type { Attest } from './attestation.ts';
import { hardwareIdOf, identityOf, staticSchemaOf } from './describe.ts';
import { keepLearned, keepMethods } from './merge.ts';
import { declarationsOf, describeNewDevice, intervalsOf } from './new-device.ts';
import type { DeviceSettings, RegistrationResult } from './ports.ts';
import { showDevice } from './show.ts';
import type { DeviceStore } from './store.ts';
import type { Attestation, DeviceRecord } from './types.ts';

export interface RegistrationDeps {
  store: DeviceStore;
  keys: KeyRing;
  schemas: SchemaRegistry;
  clock: Clock;
  ids: Ids;
  events: Emitter<HubEvents>;
  settings: DeviceSettings;
  attest?: Attest;
}

/** What a registration asks for, read and cleaned. */
interface Request {
  deviceId: string | undefined;
  hardwareId: string | undefined;
  schema: JsonObject;
  params: JsonObject;
  principal: Principal | undefined;
  /** The devices that the scope of who calls is for; undefined: all. */
  sees: Sees | undefined;
}

/** `DeviceRegistry.register`. */
export function createRegistration(
  deps: RegistrationDeps,
): (params: JsonObject, principal: Principal | undefined) => Promise<RegistrationResult> {
  const { store, keys, schemas, clock, ids, events, settings, attest } = deps;
  let underWay = 0;

  const read = (params: JsonObject, caller: Principal | undefined): Request => {
    const key = optionalString(params, 'api_key');
    const principal = key === undefined ? caller : keys.authenticate(key);
    if (key !== undefined && !principal)
      throw new RpcError(ErrorCode.Unauthorized, 'api_key is no key of this hub', {
        field: 'api_key',
      });
    const schema = staticSchemaOf(params);
    const named = optionalString(params, 'device_id');
    return {
      // A device's own key can only ever mean that device, so it need not name itself.
      deviceId: named ?? (principal?.role === 'device' ? principal.device_id : undefined),
      hardwareId: hardwareIdOf(params, schema),
      schema,
      params,
      principal,
      sees: devicesOf(caller?.scope),
    };
  };

  const known = ({ deviceId, hardwareId, sees }: Request): DeviceRecord | undefined => {
    const ofHardware = hardwareId === undefined ? undefined : store.byHardware(hardwareId);
    const id = deviceId ?? ofHardware;
    if (id === undefined) return undefined;
    const device = store.device(id);
    if (!device || (deviceId !== undefined && sees && !sees(device)))
      throw invalidParam(
        'device_id',
        'no device has this device_id; the hub assigns it, so register a new device without one',
      );
    if (ofHardware !== undefined && ofHardware !== id)
      throw invalidParam('hardware_id', 'this hardware_id belongs to another device');
    return device;
  };

  const attested = (
    { params, hardwareId }: Request,
    deviceType: string,
    before?: Attestation,
  ): Attestation | undefined => attest?.(params, { hardwareId, deviceType, before });

  const create = async (request: Request): Promise<RegistrationResult> => {
    if (store.counts().devices + underWay >= settings.maxDevices)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        `the hub takes ${settings.maxDevices} devices at most; remove one first`,
        { limit: settings.maxDevices },
      );
    const now = new Date(clock.now()).toISOString();
    const described = describeNewDevice(request, { id: ids.uuid(), now, schemas, settings });
    if (request.sees && !request.sees(described)) throw outOfScope();
    const attestation = attested(request, described.device_type);
    const device = attestation ? { ...described, attestation } : described;
    underWay += 1;
    try {
      // Written together, they share one commit.
      const [issued, stored] = await Promise.allSettled([
        keys.issue({ role: 'device', device_id: device.device_id }),
        store.put(device),
      ]);
      if (issued.status === 'fulfilled' && stored.status === 'fulfilled') {
        events.emit('registered', { device });
        return { ...assignmentOf(device), api_key: issued.value.key };
      }
      if (issued.status === 'fulfilled') await keys.revokeDevice(device.device_id);
      if (stored.status === 'fulfilled') await store.remove(device);
      throw issued.status === 'rejected' ? issued.reason : (stored as PromiseRejectedResult).reason;
    } finally {
      underWay -= 1;
    }
  };

  const resume = async (request: Request, device: DeviceRecord): Promise<RegistrationResult> => {
    const { principal, sees } = request;
    if (!mayResume(principal, device) || (sees && !sees(device))) throw needsItsKey();
    const attestation = attested(request, device.device_type, device.attestation);
    const refresh = refreshOf(request, device, schemas, attestation);
    const resumed = await store.change(device.device_id, refresh);
    if (!resumed)
      throw new RpcError(ErrorCode.DeviceNotFound, 'this device was removed; register it again', {
        device_id: device.device_id,
      });
    store.touch(resumed.device_id);
    events.emit('resumed', { device: resumed });
    return {
      ...assignmentOf(resumed),
      resumed: true,
      ...configsOf(store, resumed, request.principal),
    };
  };

  return async (params, caller) => {
    const request = read(params, caller);
    const proceed = (): Promise<RegistrationResult> => {
      const device = known(request);
      return device ? resume(request, device) : create(request);
    };
    // Two boards do not share a hardware id: the second of two calls finds the device of the first.
    if (request.hardwareId === undefined) return proceed();
    return store.serially(`hardware:${request.hardwareId}`, async () => proceed());
  };
}

function mayResume(principal: Principal | undefined, device: DeviceRecord): boolean {
  if (principal?.role === 'llm_admin') return principal.registration !== true;
  return principal?.role === 'device' && principal.device_id === device.device_id;
}

function needsItsKey(): RpcError {
  return new RpcError(
    ErrorCode.Unauthorized,
    'this device is registered already; to resume its session use the api_key it got then, as bearer key, MQTT ' +
      'password or api_key in the params. If that key is lost, an administrator has to remove the device first.',
    { field: 'api_key' },
  );
}

function outOfScope(): RpcError {
  return new RpcError(
    ErrorCode.Unauthorized,
    'the scope of this key is for other devices: by their ids, their device_type or their labels',
    { field: 'device_type' },
  );
}

/** What the device says of itself now, put into its record; the record itself if nothing is new. */
function refreshOf(
  request: Request,
  device: DeviceRecord,
  schemas: SchemaRegistry,
  attestation: Attestation | undefined,
): (current: DeviceRecord) => DeviceRecord {
  const { params, schema, hardwareId } = request;
  const changed = JSON.stringify(schema) !== JSON.stringify(device.static_schema);
  const declared = changed ? declarationsOf(schemas, schema) : undefined;
  const intervals = intervalsOf(params);
  return (current) => {
    const next: DeviceRecord = {
      ...current,
      ...(hardwareId !== undefined && { hardware_id: hardwareId }),
      ...intervals,
    };
    if (attestation) next.attestation = attestation;
    else delete next.attestation;
    if (declared) {
      Object.assign(next, identityOf(schema), declared, {
        static_schema: schema,
        measurements: keepLearned(declared.measurements, current.measurements),
        commands: keepMethods(declared.commands, current.commands),
      });
    }
    const same =
      !declared &&
      next.attestation === current.attestation &&
      next.hardware_id === current.hardware_id &&
      next.heartbeat_interval === current.heartbeat_interval &&
      next.telemetry_interval === current.telemetry_interval;
    return same ? current : next;
  };
}

function assignmentOf(device: DeviceRecord): RegistrationResult {
  const { device_id, assigned_at, heartbeat_interval, telemetry_interval } = device;
  return { device_id, assigned_at, heartbeat_interval, telemetry_interval };
}

function configsOf(
  store: DeviceStore,
  device: DeviceRecord,
  principal: Principal | undefined,
): Pick<RegistrationResult, 'applied_config' | 'sensor_configs'> {
  const { applied_config: config, sensors: held } = showDevice(
    { ...device, sensors: store.sensorsOf(device.device_id) },
    principal,
  );
  const sensors = held.flatMap(({ sensor_id, applied_config }) =>
    applied_config ? [[sensor_id, applied_config]] : [],
  );
  return {
    ...(config && { applied_config: config }),
    ...(sensors.length > 0 && {
      sensor_configs: Object.fromEntries(sensors) as Record<string, Record<string, unknown>>,
    }),
  };
}
