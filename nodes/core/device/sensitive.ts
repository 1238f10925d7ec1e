import { sensitiveNames } from '../security/sensitive.ts';
import type { DeviceRecord, SensorRecord } from './types.ts';

type Declared = Pick<DeviceRecord | SensorRecord, 'static_schema' | 'commands'>;

const known = new WeakMap<object, ReadonlySet<string>>();

/** The names under which a device or sensor keeps what its schema or its commands mark with `x-sensitive`. */
export function sensitiveNamesOf(holder: Declared): ReadonlySet<string> {
  const { static_schema, commands } = holder;
  const found = known.get(commands);
  if (found) return found;
  const names = sensitiveNames(static_schema, commands);
  known.set(commands, names);
  return names;
}

/** Those of an MCU and of all its sensors. */
export function sensitiveNamesOfAll(
  device: Declared,
  sensors: readonly Declared[],
): ReadonlySet<string> {
  return new Set([device, ...sensors].flatMap((holder) => [...sensitiveNamesOf(holder)]));
}
