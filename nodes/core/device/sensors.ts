import type { Clock } from '../clock.ts';
import { isObject, type JsonObject } from '../document.ts';
import type { Emitter, HubEvents } from '../events.ts';
import type { Ids } from '../ids.ts';
import { invalidParam, optionalString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { BusScan, CheckedSensor, SchemaRegistry } from '../schema/ports.ts';
import { cleanText } from '../text.ts';
import { cleanParam, identityOf, staticSchemaOf, textLimits } from './describe.ts';
import { keepLearned } from './merge.ts';
import type { DiscoveryResult } from './ports.ts';
import type { DeviceStore } from './store.ts';
import type { DeviceRecord, SensorRecord } from './types.ts';

const mostSensors = 64;

export interface DiscoveryDeps {
  store: DeviceStore;
  schemas: SchemaRegistry;
  clock: Clock;
  ids: Ids;
  events: Emitter<HubEvents>;
}

/** `DeviceRegistry.discoverSensor`, the MCU already looked up. */
export function createDiscovery(
  deps: DiscoveryDeps,
): (mcu: DeviceRecord, params: JsonObject) => Promise<DiscoveryResult> {
  const { store, schemas, clock, ids, events } = deps;

  const assign = async (
    mcu: DeviceRecord,
    schema: JsonObject,
    name: string | undefined,
  ): Promise<SensorRecord> => {
    const checked = schemas.checkSensor(schema);
    const described = describe(schema, checked, name);
    const siblings = store.sensorsOf(mcu.device_id);
    const before = siblings.find((sensor) => identity(sensor) === identity(described));
    if (before && unchanged(before, described)) return before;
    if (!before && siblings.length >= mostSensors)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        `an MCU may have ${mostSensors} sensors at most`,
        { limit: mostSensors },
      );
    const sensorId = before?.sensor_id ?? ids.uuid();
    const sensor: SensorRecord = {
      ...described,
      sensor_id: sensorId,
      mcu_id: mcu.device_id,
      name: name ?? before?.name ?? `${described.model ?? 'sensor'} ${sensorId.slice(-4)}`,
      measurements: keepLearned(checked.measurements, before?.measurements ?? []),
      assigned_at: before?.assigned_at ?? new Date(clock.now()).toISOString(),
      ...(before?.applied_config && { applied_config: before.applied_config }),
      ...(before?.sensitive && { sensitive: before.sensitive }),
    };
    await store.putSensor(sensor);
    events.emit('sensor_discovered', { device: store.device(mcu.device_id) ?? mcu, sensor });
    return sensor;
  };

  return async (mcu, params) => {
    if (!isObject(params['static_schema'])) return { candidates: schemas.match(scanOf(params)) };
    const schema = staticSchemaOf(params);
    const name = cleanParam(params, 'name', textLimits.name);
    // One after the other per MCU: a sensor announced twice at once is still one sensor.
    const sensor = await store.serially(mcu.device_id, async () => {
      if (!store.device(mcu.device_id))
        throw new RpcError(ErrorCode.DeviceNotFound, 'this MCU was removed', {
          mcu_id: mcu.device_id,
        });
      return assign(mcu, schema, name);
    });
    const { sensor_id, mcu_id, assigned_at, template } = sensor;
    return { sensor_id, mcu_id, assigned_at, ...(template !== undefined && { template }) };
  };
}

function describe(
  schema: JsonObject,
  checked: CheckedSensor,
  name: string | undefined,
): Omit<SensorRecord, 'sensor_id' | 'mcu_id' | 'assigned_at'> {
  const { manufacturer, model } = identityOf(schema);
  const { template, commands, commands_declared, measurements } = checked;
  const address = checked.address ?? ownNumber(schema) ?? (name && `name:${name}`);
  return {
    name: name ?? '',
    ...(manufacturer !== undefined && { manufacturer }),
    ...(model !== undefined && { model }),
    ...(template !== undefined && { template }),
    ...(address !== undefined && { address }),
    static_schema: schema,
    measurements,
    commands,
    commands_declared,
  };
}

/** Tells two equal sensors without a bus address apart. */
function ownNumber(schema: JsonObject): string | undefined {
  for (const field of ['hardware_id', 'serial_number']) {
    const text = cleanText(schema[field], textLimits.hardwareId);
    if (text !== '') return `serial:${text}`;
  }
  return undefined;
}

function identity(sensor: Pick<SensorRecord, 'address' | 'model'>): string {
  return JSON.stringify([sensor.address ?? '', sensor.model ?? '']);
}

function unchanged(
  before: SensorRecord,
  now: Pick<SensorRecord, 'name' | 'template' | 'static_schema'>,
): boolean {
  if (now.name !== '' && now.name !== before.name) return false;
  return (
    now.template === before.template &&
    JSON.stringify(now.static_schema) === JSON.stringify(before.static_schema)
  );
}

/** A bus scan as `{ scan: { bus, address, chip_id } }`, or its parts in the params themselves. */
function scanOf(params: JsonObject): BusScan {
  const scan = isObject(params['scan']) ? params['scan'] : params;
  const address = part(scan, 'address') ?? part(scan, 'i2c_address');
  const chip = part(scan, 'chip_id');
  if (address === undefined && chip === undefined && part(scan, 'family_code') === undefined)
    throw invalidParam(
      'static_schema',
      'give static_schema (to assign a sensor), or scan: { bus, address, chip_id } (to have it recognised)',
    );
  const register = part(scan, 'register');
  const family = part(scan, 'family_code');
  return {
    bus: optionalString(scan, 'bus') ?? 'i2c',
    ...(address !== undefined && { address }),
    ...(chip !== undefined && { chip_id: chip }),
    ...(register !== undefined && { register }),
    ...(family !== undefined && { family_code: family }),
  };
}

function part(scan: JsonObject, field: string): string | number | undefined {
  const value = scan[field] ?? undefined;
  if (value === undefined || typeof value === 'number') return value;
  if (typeof value === 'string') return cleanText(value, 64);
  throw invalidParam(field, `${field} must be a string such as 0x47, or a number`);
}
