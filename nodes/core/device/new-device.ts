import type { JsonObject } from '../document.ts';
import { optionalNumber, requiredString } from '../params.ts';
import type { SchemaRegistry } from '../schema/ports.ts';
import { cleanText } from '../text.ts';
import { aliasesOf, cleanParam, identityOf, labelsOf, textLimits } from './describe.ts';
import type { DeviceSettings } from './ports.ts';
import type { DeviceRecord } from './types.ts';

const intervalBounds = { min: 1, max: 86_400, integer: true };

/** The intervals a device asks for, in seconds. @throws RpcError -32602 outside 1 second to 1 day */
export function intervalsOf(params: JsonObject): {
  heartbeat_interval?: number;
  telemetry_interval?: number;
} {
  const heartbeat = optionalNumber(params, 'heartbeat_interval', intervalBounds);
  const telemetry = optionalNumber(params, 'telemetry_interval', intervalBounds);
  return {
    ...(heartbeat !== undefined && { heartbeat_interval: heartbeat }),
    ...(telemetry !== undefined && { telemetry_interval: telemetry }),
  };
}

/** What a checked static schema puts into a device's record. @throws RpcError -32004 */
export function declarationsOf(
  schemas: SchemaRegistry,
  schema: JsonObject,
): Pick<DeviceRecord, 'schema_version' | 'measurements' | 'commands' | 'commands_declared'> {
  const { schema_version, measurements, commands, commands_declared } = schemas.checkDevice(schema);
  return { schema_version, measurements, commands, commands_declared };
}

/**
 * The record of a device that registers for the first time.
 * @param now ISO 8601
 * @throws RpcError -32602 for bad params, -32004 for a bad static schema
 */
export function describeNewDevice(
  request: { params: JsonObject; schema: JsonObject; hardwareId: string | undefined },
  given: { id: string; now: string; schemas: SchemaRegistry; settings: DeviceSettings },
): DeviceRecord {
  const { params, schema, hardwareId } = request;
  const { id, now, schemas, settings } = given;
  const type = cleanText(requiredString(params, 'device_type'), textLimits.deviceType);
  const identity = identityOf(schema);
  const location = cleanParam(params, 'location', textLimits.name);
  const aliases = aliasesOf(params) ?? [];
  return {
    device_id: id,
    ...(hardwareId !== undefined && { hardware_id: hardwareId }),
    name:
      cleanParam(params, 'name', textLimits.name) ?? `${identity.model ?? type} ${id.slice(-4)}`,
    device_type: type,
    ...identity,
    ...(location !== undefined && { location }),
    labels: labelsOf(params) ?? {},
    ...(aliases.length > 0 && { aliases }),
    static_schema: schema,
    ...declarationsOf(schemas, schema),
    status: 'online',
    assigned_at: now,
    last_seen: now,
    heartbeat_interval: settings.heartbeatInterval,
    telemetry_interval: settings.telemetryInterval,
    ...intervalsOf(params),
  };
}
