import { isObject, type JsonObject } from '../document.ts';
import { invalidParam, optionalNumber, requiredString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { earliestOf } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import type { LatestReading } from '../telemetry/ports.ts';
import type { Reading, ReadingValue } from '../telemetry/types.ts';
import { cleanText } from '../text.ts';
import { markUntrusted } from '../untrusted.ts';
import type { AnswerDeps } from './deps.ts';
import { evidenceQuery } from './evidence.ts';
import { patienceWith } from './latest.ts';
import { seriesName } from './series.ts';
import { chooseSeries } from './targets.ts';
import { unitCode } from './units.ts';
import { cutText, seriesText, spanText, valueText } from './wording.ts';

/** What is waited for; `any` is the next reading, whatever it says. */
interface Condition {
  above?: number;
  below?: number;
  equals?: ReadingValue;
  changes_by?: number;
  any?: true;
}

/** Waits for readings, told of them as they are stored: nothing is asked of the store meanwhile. */
export interface Waiting {
  /** `telemetry.wait`. @throws RpcError -32602, -32006 when too many wait */
  wait(params: JsonObject, principal: Principal | undefined): Promise<object>;
  /** Tells what was stored; costs nothing while nobody waits. */
  observe(readings: readonly Reading[]): void;
  /** How many wait. */
  waiting(): number;
  /** Ends all waits, as if their time were up. */
  close(): void;
}

export const waitLimits = { usualS: 30, maxS: 55, perPrincipal: 5, total: 200 };
const conditions = ['above', 'below', 'equals', 'changes_by', 'any'] as const;
const retryMs = 5_000;
const longestText = 256;
const untrusted = [
  ...['name', 'measurement_type', 'unit', 'value'].map((field) => `reading.${field}`),
  'evidence.query.measurement_types',
];

export function createWaiting(deps: AnswerDeps): Waiting {
  const { clock, devices } = deps;
  const watches = new Map<string, Set<(reading: Reading) => void>>();
  const perPrincipal = new Map<string, number>();
  const enders = new Set<() => void>();

  const admit = (who: string): (() => void) => {
    const own = perPrincipal.get(who) ?? 0;
    const isFull = enders.size >= waitLimits.total;
    if (isFull || own >= waitLimits.perPrincipal)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        isFull
          ? 'too many calls wait for readings already'
          : `at most ${waitLimits.perPrincipal} calls of one key may wait for readings`,
        { retry_after_ms: retryMs },
      );
    perPrincipal.set(who, own + 1);
    return () => {
      const left = (perPrincipal.get(who) ?? 1) - 1;
      if (left > 0) perPrincipal.set(who, left);
      else perPrincipal.delete(who);
    };
  };
  const listen = (id: string, see: (reading: Reading) => void): (() => void) => {
    const own = watches.get(id) ?? new Set();
    watches.set(id, own.add(see));
    return () => {
      own.delete(see);
      if (own.size === 0 && watches.get(id) === own) watches.delete(id);
    };
  };

  return {
    observe(readings) {
      if (watches.size === 0) return;
      for (const reading of readings)
        for (const see of watches.get(reading.device_id) ?? []) see(reading);
    },
    waiting: () => enders.size,
    close() {
      for (const end of enders) end();
    },
    async wait(params, principal) {
      requiredString(params, 'device');
      requiredString(params, 'measurement');
      const condition = readCondition(params['until']);
      const seconds =
        optionalNumber(params, 'timeout_s', { min: 1, max: waitLimits.maxS }) ?? waitLimits.usualS;
      const { series } = chooseSeries(params, principal, deps, {
        needsDevice: true,
        one: true,
      });
      const [before] = series;
      if (!before)
        throw invalidParam('measurement', 'there is no stored reading of it to tell a change from');
      if (series.length > 1)
        throw invalidParam('device', 'several sensors of this device measure this; name one', {
          candidates: series.slice(0, 10).map(({ device_id, sensor_id }) => ({
            device_id: sensor_id ?? device_id,
          })),
        });
      const began = clock.now();
      const isFresh =
        began - before.timestamp <= patienceWith(devices.resolve(before.device_id)?.device) &&
        before.timestamp >= earliestOf(principal?.scope, began);
      if (isFresh && holdsAlready(condition, before.value))
        return answer(before, { met: true, seconds: 0, already: true }, condition, deps);

      const release = admit(principal?.id ?? '');
      const seen = Promise.withResolvers<LatestReading | undefined>();
      const end = (): void => seen.resolve(undefined);
      enders.add(end);
      const name = seriesName(before);
      const unlisten = listen(before.device_id, (reading) => {
        if (seriesName(reading) !== name || reading.timestamp < before.timestamp) return;
        if (holds(condition, reading.value, before.value))
          seen.resolve({ ...before, ...reading, quality: reading.quality ?? 'good' });
      });
      const cancel = clock.after(seconds * 1_000, end);
      const found = await seen.promise;
      cancel();
      unlisten();
      enders.delete(end);
      release();
      // Somebody may have lost sight of the device meanwhile.
      const met = found !== undefined && devices.canSee(principal, found.device_id);
      const waited = (clock.now() - began) / 1_000;
      return answer(
        met ? found : undefined,
        { met, seconds: waited, limit: seconds },
        condition,
        deps,
        before,
      );
    },
  };
}

function readCondition(value: unknown): Condition {
  if (value === undefined || value === null) return { any: true };
  const bad = (reason: string, details: JsonObject = {}) => invalidParam('until', reason, details);
  if (!isObject(value))
    throw bad('until must be an object such as { "above": 25 }', {
      expected: { type: 'object', example: '{"above":25}' },
    });
  const strange = Object.keys(value).find((key) => !conditions.includes(key as 'any'));
  if (strange !== undefined)
    throw bad('until has a condition that is not known', { allowed: [...conditions] });
  const condition: Condition = {};
  for (const key of ['above', 'below', 'changes_by'] as const) {
    const number = value[key];
    if (number === undefined) continue;
    if (
      typeof number !== 'number' ||
      !Number.isFinite(number) ||
      (key === 'changes_by' && number <= 0)
    )
      throw invalidParam(`until.${key}`, `until.${key} must be a number`, {
        expected: { type: 'number' },
      });
    condition[key] = number;
  }
  const { equals, any } = value;
  if (equals !== undefined) {
    const fits =
      typeof equals === 'number' ||
      typeof equals === 'boolean' ||
      (typeof equals === 'string' && equals.length <= longestText);
    if (!fits)
      throw invalidParam('until.equals', 'until.equals must be a number, true, false or a text');
    condition.equals = equals;
  }
  if (any !== undefined && any !== true)
    throw invalidParam('until.any', 'until.any must be true', {
      fix: { set: { 'until.any': true } },
    });
  if (any === true) condition.any = true;
  if (Object.keys(condition).length === 0)
    throw bad('until needs a condition', { allowed: [...conditions] });
  return condition;
}

/** All conditions that are given. */
function holds(condition: Condition, value: ReadingValue, before: ReadingValue): boolean {
  const { above, below, equals, changes_by: change } = condition;
  if (equals !== undefined && value !== equals) return false;
  if (above !== undefined && !(Number(value) > above)) return false;
  if (below !== undefined && !(Number(value) < below)) return false;
  return change === undefined || Math.abs(Number(value) - Number(before)) >= change;
}

/** A state there may be already; a change or a next reading has to come. */
const holdsAlready = (condition: Condition, value: ReadingValue): boolean =>
  condition.any === undefined &&
  condition.changes_by === undefined &&
  holds(condition, value, value);

function answer(
  reading: LatestReading | undefined,
  state: { met: boolean; seconds: number; limit?: number; already?: true },
  until: Condition,
  { devices, storeName }: AnswerDeps,
  before?: LatestReading,
): object {
  const { met, already } = state;
  const waited = Math.round(state.seconds * 10) / 10;
  const known = reading ?? before;
  const name = known ? (devices.resolve(known.device_id)?.device.name ?? known.device_id) : '';
  const said = known ? seriesText(name, known) : 'it';
  const summary = met
    ? `${said} is ${valueText(reading?.value, reading?.unit)}${already ? ' already' : `, after ${spanText(waited)}`}.`
    : `${said} did not get there within ${spanText(waited)}; call again to wait on.`;
  return markUntrusted(
    {
      met,
      summary: cutText(summary, 300),
      understood: {
        ...(known && { device: known.sensor_id ?? known.device_id }),
        until,
        ...(state.limit !== undefined && { timeout_s: state.limit }),
      },
      waited_s: waited,
      ...(already && { already }),
      ...(reading && {
        reading: show(reading, name),
        evidence: {
          store: storeName,
          query: evidenceQuery(reading, 'last', {
            start: reading.timestamp,
            end: reading.timestamp + 1,
          }),
        },
      }),
    },
    reading ? untrusted : [],
  );
}

function show(reading: LatestReading, name: string): object {
  const { device_id, sensor_id, measurement_type, value, unit, quality, timestamp } = reading;
  const code = unitCode(unit);
  return {
    device_id,
    ...(sensor_id !== undefined && { sensor_id }),
    name: cleanText(name, 64),
    measurement_type,
    value: typeof value === 'string' ? cleanText(value, longestText) : value,
    ...(unit !== undefined && { unit }),
    ...(code !== undefined && { unit_code: code }),
    quality,
    at: new Date(timestamp).toISOString(),
  };
}
