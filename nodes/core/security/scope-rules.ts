import type { DeviceRecord } from '../device/types.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { MethodDeclaration } from '../rpc/types.ts';
import { readWindowMs } from './scope.ts';
import type { Principal, Scope } from './types.ts';

/** Whether a device is one of those a scope is for. */
export type Sees = (device: Pick<DeviceRecord, 'device_id' | 'device_type' | 'labels'>) => boolean;

/** Whether somebody may know of a device, by its id or that of one of its sensors; nobody (the flow itself) may of all. */
export type CanSee = (principal: Principal | undefined, id: string) => boolean;

/** Params that say which device or sensor a call is about. */
export const targetFields: ReadonlySet<string> = new Set([
  'device_id',
  'mcu_id',
  'sensor_id',
  'device_ids',
]);

/** What is forgiven of a window, so that a question at its edge can be paged through: a hundredth, a minute at least. */
const leewayOf = (window: number): number => Math.max(60_000, window / 100);

const tests = new WeakMap<Scope, Sees>();

/** Whether a scope is about some devices only. */
export function narrowsDevices(scope: Scope | undefined): boolean {
  return (
    scope !== undefined &&
    (scope.device_ids !== undefined ||
      scope.device_types !== undefined ||
      scope.labels !== undefined)
  );
}

/** Which devices a scope is for: those that meet each of its three parts. Undefined: all. */
export function devicesOf(scope: Scope | undefined): Sees | undefined {
  if (!scope || !narrowsDevices(scope)) return undefined;
  let test = tests.get(scope);
  if (!test) tests.set(scope, (test = deviceTest(scope)));
  return test;
}

function deviceTest({ device_ids, device_types, labels }: Scope): Sees {
  const ids = device_ids && new Set(device_ids);
  const types = device_types && new Set(device_types);
  const wanted = Object.entries(labels ?? {});
  return (device) =>
    (!ids || ids.has(device.device_id)) &&
    (!types || types.has(device.device_type)) &&
    wanted.every(
      ([label, text]) => Object.hasOwn(device.labels, label) && device.labels[label] === text,
    );
}

/** Whether one of the patterns (names, or `prefix.*`) is for this name; no patterns at all are for every name. */
export function admits(patterns: readonly string[] | undefined, name: string): boolean {
  if (!patterns) return true;
  return patterns.some((pattern) =>
    pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}

/**
 * Why a scope does not admit its holder to a method, if it does not. Nobody with a scope may manage keys, because a key
 * could be made that has none; a scope of some devices does not go with what is about the whole hub, such as its record
 * of who did what.
 */
export function objectionTo(
  { name, roles, params }: Pick<MethodDeclaration, 'name' | 'roles' | 'params'>,
  scope: Scope | undefined,
): string | undefined {
  if (!scope) return undefined;
  if (name.startsWith('key.')) return 'a key with a scope may not manage keys';
  if (!admits(scope.methods, name)) return `the scope of this key does not take in ${name}`;
  const whole = name.startsWith('audit.') || (isForAdmins(roles) && targetsOf(params).length === 0);
  if (narrowsDevices(scope) && whole)
    return `${name} is about the whole hub, and this key is for some devices only`;
  return undefined;
}

/** Whether only `llm_admin` may call a method with these roles. */
export function isForAdmins(roles: MethodDeclaration['roles']): boolean {
  return roles.every((role) => role === 'llm_admin');
}

/** The fields in which a method takes the devices it is about. */
export function targetsOf(params: MethodDeclaration['params']): string[] {
  const properties = (params['properties'] ?? {}) as Record<string, unknown>;
  return Object.keys(properties).filter((field) => targetFields.has(field));
}

/** The earliest moment (ms since the epoch) somebody may read of. */
export function earliestOf(scope: Scope | undefined, now: number): number {
  return scope?.read_window === undefined ? -Infinity : now - readWindowMs(scope.read_window);
}

/** @throws RpcError -32005 naming the earliest start when readings from `start` on are too old for a scope */
export function requireInWindow(scope: Scope | undefined, start: number, now: number): void {
  const earliest = earliestOf(scope, now);
  if (start >= earliest - leewayOf(now - earliest)) return;
  const allowed = new Date(earliest).toISOString();
  throw new RpcError(
    ErrorCode.Unauthorized,
    `this key reads ${scope?.read_window ?? ''} back; time_range.start may be ${allowed} at the earliest`,
    {
      ...{ field: 'time_range.start', earliest: allowed, read_window: scope?.read_window },
      fix: { set: { 'time_range.start': allowed } },
    },
  );
}
