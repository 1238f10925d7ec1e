import { sensitiveNames } from '../security/sensitive.ts';
import type { DeviceRecord, SensorRecord } from './types.ts';

type Declared = Pick<DeviceRecord | SensorRecord, 'static_schema' | 'commands' | 'sensitive'>;

/** By static schema and commands; sensors of one template share the latter. */
const known = new WeakMap<object, WeakMap<object, ReadonlySet<string>>>();

function declaredNames({ static_schema, commands }: Declared): ReadonlySet<string> {
  const ofSchema = known.get(static_schema) ?? new WeakMap<object, ReadonlySet<string>>();
  const found = ofSchema.get(commands);
  if (found) return found;
  const names = sensitiveNames(static_schema, commands);
  known.set(static_schema, ofSchema.set(commands, names));
  return names;
}

/** The names under which a device or sensor keeps what its schema or its commands mark, or marked, with `x-sensitive`. */
export function sensitiveNamesOf(holder: Declared): ReadonlySet<string> {
  const declared = declaredNames(holder);
  return holder.sensitive ? new Set([...declared, ...holder.sensitive]) : declared;
}

/** Those of an MCU and of all its sensors. */
export function sensitiveNamesOfAll(
  device: Declared,
  sensors: readonly Declared[],
): ReadonlySet<string> {
  return new Set([device, ...sensors].flatMap((holder) => [...sensitiveNamesOf(holder)]));
}

/** A changed record in which what was marked before stays secret, whatever it declares now. */
export function keepSensitive<T extends Declared>(before: T | undefined, next: T): T {
  if (!before) return next;
  const names = sensitiveNamesOf(next);
  const forgotten = [...sensitiveNamesOf(before)].filter((name) => !names.has(name));
  if (forgotten.length === 0) return next;
  return { ...next, sensitive: [...(next.sensitive ?? []), ...forgotten] };
}
