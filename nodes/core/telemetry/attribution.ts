import type { DeviceRegistry } from '../device/ports.ts';
import type { MeasurementDeclaration, SensorRecord, Target } from '../device/types.ts';

/** Whose series a reading belongs to, and what is declared for it. */
export interface Attribution {
  /** The device or sensor that declares, or learns, the type. */
  ownerId: string;
  deviceId: string;
  sensorId: string | undefined;
  declaration: MeasurementDeclaration;
}

/** What one device or sensor id may report, by measurement type. */
export interface TypeIndex {
  target: Target;
  /** The id that learns what nobody declared. */
  learnerId: string;
  types: Map<string, Attribution>;
  /** Types several sensors declare, with their ids. */
  ambiguous: Map<string, string[]>;
  /** How many types the learner has. */
  learnerTypes: number;
}

/**
 * Builds the index of a target. Readings under an MCU's id belong to the MCU for what it declares itself, else to the
 * one sensor that declares the type, else to the MCU for what it learned. Readings under a sensor's id are that
 * sensor's.
 */
export function indexTarget(registry: DeviceRegistry, target: Target): TypeIndex {
  const { device, sensor } = target;
  const types = new Map<string, Attribution>();
  const ambiguous = new Map<string, string[]>();
  const own = sensor ?? device;
  const ownerId = sensor?.sensor_id ?? device.device_id;
  const index = {
    target,
    learnerId: ownerId,
    types,
    ambiguous,
    learnerTypes: own.measurements.length,
  };
  const takeOwn = (learned: boolean): void => {
    for (const declaration of own.measurements) {
      const { measurement_type: type } = declaration;
      if ((declaration.learned ?? false) !== learned || types.has(type) || ambiguous.has(type))
        continue;
      const at = { ownerId, deviceId: device.device_id, sensorId: sensor?.sensor_id };
      types.set(type, { ...at, declaration });
    }
  };
  takeOwn(false);
  if (!sensor) takeSensors(index, registry.sensorsOf(device.device_id));
  takeOwn(true);
  return index;
}

function takeSensors({ types, ambiguous }: TypeIndex, sensors: readonly SensorRecord[]): void {
  const holders = new Map<string, SensorRecord[]>();
  for (const sensor of sensors) {
    for (const { measurement_type: type, learned } of sensor.measurements) {
      if (learned || types.has(type)) continue;
      holders.set(type, [...(holders.get(type) ?? []), sensor]);
    }
  }
  for (const [type, [sensor, ...others]] of holders) {
    const declaration = sensor?.measurements.find((declared) => declared.measurement_type === type);
    if (!sensor || !declaration) continue;
    if (others.length > 0) {
      ambiguous.set(
        type,
        [sensor, ...others].map(({ sensor_id }) => sensor_id),
      );
      continue;
    }
    const { sensor_id: sensorId, mcu_id: deviceId } = sensor;
    types.set(type, { ownerId: sensorId, deviceId, sensorId, declaration });
  }
}
