import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import type { MeasurementDeclaration } from '../device/types.ts';
import { ErrorCode } from '../rpc/errors.ts';
import { cleanText } from '../text.ts';
import { indexTarget, type Attribution, type TypeIndex } from './attribution.ts';
import { qualities, type Quality, type Reading, type Rejection, type ValueType } from './types.ts';

export interface ReadingCheckSettings {
  /** Whether a type nobody declared is fixed by its first reading, or refused. */
  unknownTypes: 'learn' | 'refuse';
  /** How far ahead of the hub's clock a reading may be; 5 minutes unless told. */
  futureToleranceMs?: number;
}

export interface CheckedReadings {
  /** Attributed, with unit and quality filled in. */
  accepted: Reading[];
  rejected: Rejection[];
}

/**
 * Checks readings against what their devices and sensors declare: type of value, unit, range, quality, time. Rejects
 * with -32004, and -32000 for a device or sensor that is not registered. Resolves when newly learned types are stored.
 *
 * Time: a reading ahead of the hub's clock by more than the tolerance is rejected, because it would hide all later
 * ones as the latest value; so is one from before 2000, which comes from a clock that was never set. Readings out of
 * order and late ones are accepted with their own time.
 * @param positions where each reading stood in its message, for the indexes of rejections
 */
export type ReadingCheck = (
  readings: readonly Reading[],
  positions?: readonly number[],
) => Promise<CheckedReadings>;

/** Why a reading is not accepted. */
interface Refusal {
  code: number;
  reason: string;
}

const earliest = Date.UTC(2000, 0, 1);
const mostTypes = 256;
const knownQualities: ReadonlySet<string> = new Set(qualities);

export function createReadingCheck(deps: {
  registry: DeviceRegistry;
  clock: Clock;
  settings: ReadingCheckSettings;
}): ReadingCheck {
  const { registry, clock, settings } = deps;
  const { unknownTypes, futureToleranceMs = 300_000 } = settings;
  const indexes = new WeakMap<object, TypeIndex>();
  /** Learned in memory, being stored: survives a rebuilding of the index. */
  const learning = new Map<string, Map<string, MeasurementDeclaration>>();

  const indexOf = (id: string): TypeIndex | undefined => {
    const target = registry.resolve(id);
    if (!target) return undefined;
    let index = indexes.get(target);
    if (!index) {
      index = indexTarget(registry, target);
      for (const declaration of learning.get(index.learnerId)?.values() ?? [])
        adopt(index, declaration);
      indexes.set(target, index);
    }
    return index;
  };
  const adopt = (index: TypeIndex, declaration: MeasurementDeclaration): Attribution => {
    const { device, sensor } = index.target;
    const attribution: Attribution = {
      ownerId: index.learnerId,
      deviceId: device.device_id,
      sensorId: sensor?.sensor_id,
      declaration,
    };
    if (!index.types.has(declaration.measurement_type)) {
      index.types.set(declaration.measurement_type, attribution);
      index.learnerTypes += 1;
    }
    return attribution;
  };

  const learn = (index: TypeIndex, reading: Reading): Attribution | Refusal => {
    const { measurement_type: type, value, unit } = reading;
    if (unknownTypes === 'refuse')
      return refuse(`${type} is declared neither by the device nor by one of its sensors`);
    if (index.learnerTypes >= mostTypes)
      return refuse(`${type} is new, and a device may have ${mostTypes} measurement types at most`);
    const declaration: MeasurementDeclaration = {
      measurement_type: type,
      value_type: typeof value as ValueType,
      ...(unit !== undefined && { unit }),
      learned: true,
    };
    const types = learning.get(index.learnerId) ?? new Map<string, MeasurementDeclaration>();
    learning.set(index.learnerId, types.set(type, declaration));
    return adopt(index, declaration);
  };

  const attribute = (reading: Reading, index: TypeIndex): Attribution | Refusal => {
    const known = index.types.get(reading.measurement_type);
    if (known) return known;
    const sensors = index.ambiguous.get(reading.measurement_type);
    if (sensors)
      return refuse(
        `${sensors.length} sensors measure ${reading.measurement_type}; name one by sensor_id (${sensors.slice(0, 8).join(', ')})`,
      );
    return learn(index, reading);
  };

  /** The accepted reading, or why it is not. */
  const check = (reading: Reading, index: TypeIndex, latest: number): Reading | Refusal => {
    const { timestamp, quality = 'good' } = reading;
    if (!(timestamp <= latest))
      return refuse('timestamp is in the future; set the clock, or leave timestamp out');
    if (timestamp < earliest)
      return refuse(
        'timestamp is before 2000; it is ISO 8601 or milliseconds since the Unix epoch',
      );
    if (!knownQualities.has(quality))
      return refuse(`quality must be one of ${qualities.join(', ')}`);
    const attribution = attribute(reading, index);
    if ('reason' in attribution) return attribution;
    const problem = mismatch(reading, attribution.declaration);
    return problem === undefined ? complete(reading, attribution, quality) : refuse(problem);
  };

  /** Stores what was learned. What cannot be stored is not known either. */
  const storeLearned = async (): Promise<void> => {
    const store = async (id: string, types: Map<string, MeasurementDeclaration>): Promise<void> => {
      const batch = [...types.values()];
      try {
        await registry.learn(id, batch);
      } catch (error) {
        const target = registry.resolve(id);
        if (target) indexes.delete(target);
        throw error;
      } finally {
        for (const { measurement_type: type } of batch) types.delete(type);
        if (types.size === 0 && learning.get(id) === types) learning.delete(id);
      }
    };
    await Promise.all([...learning].map(([id, types]) => store(id, types)));
  };

  return async (readings, positions) => {
    const accepted: Reading[] = [];
    const rejected: Rejection[] = [];
    const latest = clock.now() + futureToleranceMs;
    let lastId: string | undefined;
    let lastIndex: TypeIndex | undefined;
    for (let at = 0; at < readings.length; at++) {
      const reading = readings[at] as Reading;
      const id = reading.sensor_id ?? reading.device_id;
      if (id !== lastId) {
        lastIndex = indexOf(id);
        lastId = id;
      }
      const outcome =
        lastIndex && belongs(reading, lastIndex)
          ? check(reading, lastIndex, latest)
          : unknown(reading, lastIndex);
      if ('reason' in outcome) rejected.push({ index: positions?.[at] ?? at, ...outcome });
      else accepted.push(outcome);
    }
    if (learning.size > 0) await storeLearned();
    return { accepted, rejected };
  };
}

const refuse = (reason: string): Refusal => ({ code: ErrorCode.SchemaValidationFailed, reason });

/** A reading that names both must name a sensor and its own MCU (or the sensor twice). */
function belongs({ device_id, sensor_id }: Reading, { target }: TypeIndex): boolean {
  if (sensor_id === undefined) return true;
  return (
    target.sensor !== undefined &&
    (device_id === target.device.device_id || device_id === sensor_id)
  );
}

function unknown({ device_id, sensor_id }: Reading, index: TypeIndex | undefined): Refusal {
  const what =
    sensor_id === undefined
      ? `there is no device ${cleanText(device_id, 64)}`
      : `there is no sensor ${cleanText(sensor_id, 64)}`;
  const reason = index ? `the sensor ${cleanText(sensor_id, 64)} is not one of this device` : what;
  return { code: ErrorCode.DeviceNotFound, reason };
}

/** What about a reading is not as declared. */
function mismatch(reading: Reading, declared: MeasurementDeclaration): string | undefined {
  const { measurement_type: type, value, unit } = reading;
  if (typeof value !== declared.value_type)
    return `value of ${type} must be a ${declared.value_type}`;
  if (unit !== undefined && unit !== declared.unit) {
    if (declared.unit !== undefined) return `unit of ${type} must be ${declared.unit}`;
    if (declared.learned) return `${type} has no unit since its first reading; leave unit out`;
  }
  if (typeof value !== 'number') return undefined;
  if (!Number.isFinite(value)) return `value of ${type} must be a finite number`;
  const { min = -Infinity, max = Infinity } = declared.range ?? {};
  if (value >= min && value <= max) return undefined;
  return `${type} ${value} is outside ${min} to ${max}${declared.unit ? ` ${declared.unit}` : ''}`;
}

function complete(reading: Reading, to: Attribution, quality: Quality): Reading {
  const unit = reading.unit ?? to.declaration.unit;
  const asIs =
    reading.device_id === to.deviceId &&
    reading.sensor_id === to.sensorId &&
    reading.unit === unit &&
    reading.quality === quality;
  if (asIs) return reading;
  const { measurement_type, value, timestamp } = reading;
  const full: Reading = { device_id: to.deviceId, measurement_type, value, quality, timestamp };
  if (to.sensorId !== undefined) full.sensor_id = to.sensorId;
  if (unit !== undefined) full.unit = unit;
  return full;
}
