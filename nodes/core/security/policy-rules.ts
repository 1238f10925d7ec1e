import type { DeviceRecord } from '../device/types.ts';
import { isObject, type JsonObject } from '../document.ts';
import type { LatestReading } from '../telemetry/ports.ts';
import type { Comparable, Comparison, Interlock, PolicyRule } from './policy.ts';
import { quietUntil } from './quiet-hours.ts';
import { admits } from './scope-rules.ts';

/** A command that is about to leave. */
export interface Order {
  device: Pick<DeviceRecord, 'device_id' | 'device_type' | 'labels'>;
  /** Id of the device or the sensor it goes to. */
  targetId: string;
  command: string;
  arguments: JsonObject;
}

/** The newest of some commands to a device. */
export interface CommandState {
  command: string;
  arguments: JsonObject;
  /** Whether the device said that it did it. */
  done: boolean;
  /** When it was sent (ms since the epoch). */
  at: number;
}

/** What is known at the moment a command leaves. */
export interface Facts {
  /** Milliseconds since the epoch. */
  now: number;
  latest(id: string): readonly LatestReading[];
  isOnline(id: string): boolean;
  /** Values of an argument that were in effect within the last minute. */
  valuesInEffect(order: Order, rule: PolicyRule): readonly number[];
  newestOf(deviceId: string, commands: readonly string[]): CommandState | undefined;
}

/** Which rule says no, why, and what it would allow. */
export interface Objection {
  policy: string;
  reason: string;
  allowed: JsonObject;
}

/** How far ahead of the hub the clock of a device may be (ms). */
const clockLeewayMs = 60_000;

/** Whether a rule is for a command. */
export function isFor(rule: PolicyRule, { device, targetId, command }: Order): boolean {
  if (rule.enabled === false) return false;
  const { device_ids: ids, device_types: types, labels, commands } = rule.for ?? {};
  return (
    (!ids || ids.includes(device.device_id) || ids.includes(targetId)) &&
    (!types || types.includes(device.device_type)) &&
    Object.entries(labels ?? {}).every(
      ([label, text]) => Object.hasOwn(device.labels, label) && device.labels[label] === text,
    ) &&
    admits(commands, command)
  );
}

/** Whether a rule makes a command critical. */
export function isCriticalBy(rules: readonly PolicyRule[], order: Order): boolean {
  return rules.some((rule) => rule.critical === true && isFor(rule, order));
}

/** The first rule that does not let a command go. */
export function objectionOf(
  rules: readonly PolicyRule[],
  order: Order,
  facts: Facts,
): Objection | undefined {
  for (const rule of rules) {
    if (!isFor(rule, order)) continue;
    const said = judge(rule, order, facts);
    if (said) return { policy: rule.name, ...said };
  }
  return undefined;
}

type Verdict = Omit<Objection, 'policy'> | undefined;

function judge(rule: PolicyRule, order: Order, facts: Facts): Verdict {
  if (rule.deny) return { reason: `${order.command} is not allowed here`, allowed: {} };
  if (rule.range) return outOfRange(rule.range, order);
  if (rule.rate) return tooFast(rule, rule.rate, order, facts);
  if (rule.interlock) return locked(rule.interlock, order, facts);
  if (rule.quiet_hours) return quiet(rule.quiet_hours, order, facts);
  return undefined;
}

/** Every value that a device could take for this argument: `a.b` is the member `a.b`, and the `b` of `a`. */
export function valuesOf(args: JsonObject, argument: string): unknown[] {
  const found = Object.hasOwn(args, argument) ? [args[argument]] : [];
  for (let dot = argument.indexOf('.'); dot > 0; dot = argument.indexOf('.', dot + 1)) {
    const head = argument.slice(0, dot);
    const inner = Object.hasOwn(args, head) ? args[head] : undefined;
    if (isObject(inner)) found.push(...valuesOf(inner, argument.slice(dot + 1)));
  }
  return found;
}

function outOfRange(range: NonNullable<PolicyRule['range']>, { arguments: args }: Order): Verdict {
  const { argument, min = -Infinity, max = Infinity } = range;
  const fits = valuesOf(args, argument).every(
    (value) => typeof value === 'number' && value >= min && value <= max,
  );
  if (fits) return undefined;
  return {
    reason: `arguments.${argument} must be a number ${betweenText(range.min, range.max)}`,
    allowed: {
      argument,
      ...(range.min !== undefined && { min }),
      ...(range.max !== undefined && { max }),
    },
  };
}

const betweenText = (min: number | undefined, max: number | undefined): string =>
  min === undefined ? `up to ${max}` : max === undefined ? `from ${min}` : `from ${min} to ${max}`;

function tooFast(
  rule: PolicyRule,
  rate: NonNullable<PolicyRule['rate']>,
  order: Order,
  facts: Facts,
): Verdict {
  const { argument, per_minute: most } = rate;
  const values = valuesOf(order.arguments, argument);
  if (values.length === 0) return undefined;
  const before = facts.valuesInEffect(order, rule);
  const min = Math.max(...before) - most;
  const max = Math.min(...before) + most;
  const fits = values.every(
    (value) =>
      typeof value === 'number' &&
      Number.isFinite(value) &&
      before.every((other) => Math.abs(value - other) <= most),
  );
  if (fits) return undefined;
  const now = before.length === 0 ? '' : `, which makes it ${min} to ${max} now`;
  return {
    reason: `arguments.${argument} must be a number that changes by ${most} a minute at most${now}`,
    allowed: { argument, per_minute: most, ...(before.length > 0 && { min, max }) },
  };
}

function quiet(
  hours: NonNullable<PolicyRule['quiet_hours']>,
  { command }: Order,
  { now }: Facts,
): Verdict {
  const until = quietUntil(hours, now);
  if (until === undefined) return undefined;
  const from = new Date(until).toISOString();
  return {
    reason: `${command} is not allowed from ${hours.from} to ${hours.to} (${hours.time_zone}); it is again from ${from} on`,
    allowed: { from, retry_after_ms: until - now },
  };
}

function locked(lock: Interlock, order: Order, facts: Facts): Verdict {
  const why = 'measurement_type' in lock ? readingObjects(lock, facts) : stateObjects(lock, facts);
  if (why === undefined) return undefined;
  return {
    reason: `${order.command} is allowed only while ${conditionOf(lock)}: ${why}`,
    allowed: { interlock: lock },
  };
}

function conditionOf(lock: Interlock): string {
  const comparison = `${lock.is ?? ''} ${String(lock.value ?? '')}`;
  if ('measurement_type' in lock)
    return `${lock.measurement_type} of ${lock.device_id} is ${comparison}`;
  const what = `the newest command to ${lock.device_id} is ${lock.command}`;
  return lock.argument === undefined ? what : `${what} with ${lock.argument} ${comparison}`;
}

type ReadingLock = Extract<Interlock, { measurement_type: string }>;
type StateLock = Exclude<Interlock, ReadingLock>;

/** Every series of that type must be fresh, good, and as it has to be. */
function readingObjects(lock: ReadingLock, facts: Facts): string | undefined {
  const { now } = facts;
  const series = facts
    .latest(lock.device_id)
    .filter(({ measurement_type: type }) => type === lock.measurement_type);
  if (series.length === 0) return 'there is no reading';
  for (const { timestamp, quality, value } of series) {
    const age = now - timestamp;
    if (age > lock.max_age * 1_000)
      return `the newest reading is ${Math.round(age / 1_000)} s old, ${lock.max_age} s are allowed`;
    if (age < -clockLeewayMs) return 'the newest reading is from the future';
    if (quality !== 'good') return `the newest reading is ${quality}`;
    if (!compare(value, lock.is, lock.value)) return `it is ${String(value)}`;
  }
  return undefined;
}

function stateObjects(lock: StateLock, facts: Facts): string | undefined {
  const { device_id: id, command, undone_by: others = [], max_age: maxAge } = lock;
  if (!facts.isOnline(id)) return 'that device is not online';
  const newest = facts.newestOf(id, [command, ...others]);
  if (!newest) return 'no such command is known';
  if (newest.command !== command) return `it is ${newest.command}`;
  if (!newest.done) return 'that device has not said that it did it';
  const age = facts.now - newest.at;
  if (maxAge !== undefined && age > maxAge * 1_000)
    return `that was ${Math.round(age / 1_000)} s ago, ${maxAge} s are allowed`;
  const { argument, is, value } = lock;
  if (argument === undefined || is === undefined || value === undefined) return undefined;
  const values = valuesOf(newest.arguments, argument);
  if (values.length > 0 && values.every((each) => compare(each, is, value))) return undefined;
  return `it was ${values.length > 0 ? values.map(String).join(' and ') : 'not given'}`;
}

function compare(value: unknown, is: Comparison, other: Comparable): boolean {
  if (is === '==') return value === other;
  // Something of another kind is no evidence that things are as they have to be.
  if (typeof value !== typeof other) return false;
  if (is === '!=') return value !== other;
  if (typeof value !== 'number' || typeof other !== 'number') return false;
  if (is === '<') return value < other;
  if (is === '<=') return value <= other;
  return is === '>' ? value > other : value >= other;
}
