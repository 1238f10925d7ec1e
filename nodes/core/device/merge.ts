import type { CommandDeclaration, MeasurementDeclaration } from './types.ts';

/** A new declaration together with what was learned before and is still not declared. */
export function keepLearned(
  declared: readonly MeasurementDeclaration[],
  before: readonly MeasurementDeclaration[],
): MeasurementDeclaration[] {
  const names = new Set(declared.map((measurement) => measurement.measurement_type));
  return [
    ...declared,
    ...before.filter(({ learned, measurement_type }) => learned && !names.has(measurement_type)),
  ];
}

/** A new declaration together with the methods that were registered before. */
export function keepMethods(
  declared: readonly CommandDeclaration[],
  before: readonly CommandDeclaration[],
): CommandDeclaration[] {
  const methods = before.filter((command) => command.method);
  const names = new Set(methods.map((method) => method.name));
  return [...declared.filter((command) => !names.has(command.name)), ...methods];
}
