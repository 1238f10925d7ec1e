import type { MeasurementDeclaration } from '../device/types.ts';
import { compareJsonSchemas } from './json-schema-changes.ts';
import type { DeviceSchema, SchemaRecord, SensorTemplate } from './types.ts';

/**
 * Every change from one version of a schema to the next that would break what is stored under the
 * old one, in words; empty if there is none. Readings stay readable when a measurement keeps its
 * type and unit and its range only grows; registered devices stay valid when a device schema only
 * allows more.
 */
export function breakingChanges(from: SchemaRecord, to: SchemaRecord): string[] {
  if (from.kind === 'sensor' && to.kind === 'sensor') return sensorChanges(from, to);
  if (from.kind === 'device' && to.kind === 'device') return deviceChanges(from, to);
  return [`kind changed from ${from.kind} to ${to.kind}`];
}

function sensorChanges(from: SensorTemplate, to: SensorTemplate): string[] {
  const now = new Map(to.measurements.map((each) => [each.measurement_type, each]));
  return from.measurements.flatMap((before) => {
    const after = now.get(before.measurement_type);
    if (!after) return [`measurement ${before.measurement_type} was removed`];
    return measurementChanges(before, after).map(
      (change) => `measurement ${before.measurement_type}: ${change}`,
    );
  });
}

function measurementChanges(
  before: MeasurementDeclaration,
  after: MeasurementDeclaration,
): string[] {
  const changes: string[] = [];
  if (before.value_type !== after.value_type) {
    changes.push(`value_type changed from ${before.value_type} to ${after.value_type}`);
  }
  if (before.unit !== after.unit) {
    changes.push(`unit changed from ${before.unit ?? 'none'} to ${after.unit ?? 'none'}`);
  }
  const { min = -Infinity, max = Infinity } = before.range ?? {};
  const { min: newMin = -Infinity, max: newMax = Infinity } = after.range ?? {};
  if (newMin > min) changes.push(`range narrowed, min from ${bound(min)} to ${newMin}`);
  if (newMax < max) changes.push(`range narrowed, max from ${bound(max)} to ${newMax}`);
  return changes;
}

function deviceChanges(from: DeviceSchema, to: DeviceSchema): string[] {
  return compareJsonSchemas(from.schema, to.schema);
}

function bound(value: number): string {
  return Number.isFinite(value) ? `${value}` : 'none';
}
