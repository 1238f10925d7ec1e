import { budgetOf } from '../answer/budget.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import { maskDevice, maskSensor } from '../device/show.ts';
import type { CommandDeclaration, DeviceRecord, SensorRecord } from '../device/types.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import type { Principal } from '../security/types.ts';
import { markUntrusted } from '../untrusted.ts';
import { kindOf, whereOf } from './kind-of.ts';
import { measuredBy, type Measured } from './terms.ts';
import type { ResolvedDevice, Resolver } from './types.ts';

/** The newest reading of a measurement. */
export interface NewestReading {
  device_id: string;
  sensor_id?: string;
  measurement_type: string;
  value: unknown;
  unit?: string;
  /** ISO 8601. */
  timestamp: string;
}

interface DescribeDeps {
  resolver: Resolver;
  devices: DeviceRegistry;
  /** The newest readings of a device that somebody may read. */
  latest: (deviceId: string, principal: Principal | undefined) => readonly NewestReading[];
}

const untrustedPaths = [
  ...['name', 'where', 'device_type', 'manufacturer', 'model', 'firmware_version', 'labels'],
  ...['aliases', 'operational_status', 'applied_config', 'measurements', 'sensors', 'commands'],
];

/**
 * `device.describe`: `{ device, detail?, max_bytes? }`. One device by a phrase or an id: what it measures, with units
 * and the newest values, and its commands with what they take.
 * @throws RpcError -32602 with candidates when it is not clear which device is meant
 */
export function describeDevice(
  { resolver, devices, latest }: DescribeDeps,
  params: JsonObject,
  principal: Principal | undefined,
): JsonObject {
  const point = resolver.resolveDevice(params['device'], principal, 'device');
  const { maxBytes, detail } = budgetOf(params);
  const full = detail === 'full';
  const seen = devices.seenBy(principal);
  const { sensors: held, ...record } = seen.view(point.device_id);
  const device = maskDevice(record);
  const sensors = held.map(maskSensor);
  const newest = latest(device.device_id, principal);
  const measurements = measuredBy(device, sensors).map((one) => showMeasured(one, newest));
  const commands = [
    ...device.commands.map((command) => showCommand(command)),
    ...sensors.flatMap(({ sensor_id, commands: own }) =>
      own.map((command) => showCommand(command, sensor_id)),
    ),
  ];

  const answer = (step: Step): JsonObject => {
    const cut = step.measurements < measurements.length || step.commands < commands.length;
    return markUntrusted(
      {
        summary: summaryOf(device, sensors, measurements.length, commands.length),
        ...about(device, sensors, point, full && step.about),
        measurements: measurements.slice(0, step.measurements),
        ...(sensors.length > 0 && step.about && { sensors: sensors.map(showSensor) }),
        commands: commands.slice(0, step.commands).map((command) => shorten(command, step)),
        commands_declared: device.commands_declared,
        ...((cut || !step.schemas || !step.about) && {
          truncated: {
            reason: 'max_bytes',
            shown:
              Math.min(step.measurements, measurements.length) +
              Math.min(step.commands, commands.length),
            total: measurements.length + commands.length,
            ...(!step.schemas && { left_out: 'arguments of commands' }),
          },
        }),
      },
      untrustedPaths,
    );
  };
  const steps: Step[] = [
    { schemas: true, about: true, measurements: Infinity, commands: Infinity },
    { schemas: true, about: false, measurements: Infinity, commands: Infinity },
    ...[Infinity, 64, 32, 16, 8, 4, 2, 1, 0].map((most) => ({
      ...{ schemas: false, about: false, measurements: most, commands: most },
    })),
  ];
  const fitting = steps.map(answer).find((one) => jsonSize(one) <= maxBytes);
  return fitting ?? answer({ schemas: false, about: false, measurements: 0, commands: 0 });
}

/** How much is left in, step by step less. */
interface Step {
  schemas: boolean;
  about: boolean;
  measurements: number;
  commands: number;
}

function about(
  device: DeviceRecord,
  sensors: readonly SensorRecord[],
  point: ResolvedDevice,
  full: boolean,
): JsonObject {
  const { device_id, name, device_type, manufacturer, model, firmware_version, aliases } = device;
  const where = whereOf(device);
  const { operational_status, applied_config, labels } = device;
  return {
    ...point,
    device_id,
    name,
    ...(where !== undefined && { where }),
    kind: kindOf(device, device.measurements.length + sensors.length > 0),
    device_type,
    ...(manufacturer !== undefined && { manufacturer }),
    ...(model !== undefined && { model }),
    status: device.status,
    last_seen: device.last_seen,
    ...(full && {
      ...(firmware_version !== undefined && { firmware_version }),
      labels,
      ...(aliases && { aliases }),
      ...(operational_status && { operational_status }),
      ...(applied_config && { applied_config }),
      assigned_at: device.assigned_at,
      heartbeat_interval: device.heartbeat_interval,
      telemetry_interval: device.telemetry_interval,
    }),
  };
}

function showMeasured(measured: Measured, newest: readonly NewestReading[]): JsonObject {
  const { sensor, measurement_type, unit, value_type, range } = measured;
  const last = newest.find(
    (reading) =>
      reading.measurement_type === measurement_type &&
      (reading.sensor_id ?? '') === (sensor?.sensor_id ?? ''),
  );
  const written = unit ?? last?.unit;
  return {
    measurement_type,
    ...(written !== undefined && { unit: written }),
    value_type,
    ...(range && { range }),
    ...(sensor && { sensor_id: sensor.sensor_id }),
    ...(last && { latest: { value: cut(last.value), timestamp: last.timestamp } }),
  };
}

const cut = (value: unknown): unknown =>
  typeof value === 'string' && value.length > 128 ? `${value.slice(0, 127)}…` : value;

const showSensor = ({ sensor_id, name, model, address }: SensorRecord): JsonObject => ({
  sensor_id,
  name,
  ...(model !== undefined && { model }),
  ...(address !== undefined && { address }),
});

interface ShownCommand {
  [field: string]: unknown;
  name: string;
}

function showCommand(command: CommandDeclaration, sensorId?: string): ShownCommand {
  const { name, description, arguments: schema, read_only, destructive, critical } = command;
  return {
    name,
    ...(sensorId !== undefined && { sensor_id: sensorId }),
    ...(description !== undefined && { description }),
    ...(schema && { arguments: schema }),
    read_only: read_only ?? false,
    destructive: destructive ?? false,
    critical: critical ?? false,
  };
}

function shorten(command: ShownCommand, { schemas }: Step): ShownCommand {
  if (schemas) return command;
  const { arguments: schema, description, ...rest } = command;
  return {
    ...rest,
    ...(typeof description === 'string' && { description: cut(description) }),
    ...(schema !== undefined && { takes_arguments: true }),
  };
}

function summaryOf(
  device: DeviceRecord,
  sensors: readonly SensorRecord[],
  measurements: number,
  commands: number,
): string {
  const kind = kindOf(device, measurements > 0).replaceAll('_', ' ');
  const of = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  const under = sensors.length > 0 ? ` with ${of(sensors.length, 'sensor')}` : '';
  return (
    `Device ${device.device_id} is a ${kind}${under}, ${device.status}, last seen ${device.last_seen}. ` +
    `It has ${of(measurements, 'measurement')} and ${of(commands, 'command')}.`
  );
}
