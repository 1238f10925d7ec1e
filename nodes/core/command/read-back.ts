import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import { isObject, type JsonObject } from '../document.ts';
import { invalidParam, optionalNumber, optionalString, requiredString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { nearest } from '../rpc/suggest.ts';
import { admits } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import type { Reading, ReadingValue } from '../telemetry/types.ts';
import type { CommandRequest } from './request.ts';

/** Which reading would show that a command had its effect; all conditions that are given must hold. */
export interface ConfirmSpec {
  measurement_type: string;
  sensor_id?: string;
  equals?: ReadingValue;
  above?: number;
  below?: number;
  /** At least this far, up or down, from the newest reading before the command. */
  changes_by?: number;
  /** Milliseconds after the device said that it is done. */
  within_ms: number;
}

/** A reading as an answer shows it; `timestamp` in ISO 8601. */
export type ShownReading = Omit<Reading, 'device_id' | 'timestamp'> & { timestamp: string };

/** Whether a reading showed it, and the newest one there was. */
export interface ReadBackOutcome {
  confirmed: boolean;
  reading?: ShownReading;
}

/** Watches for the reading that shows the effect of one command, from before it is sent. */
export interface Watch {
  /** Resolves with the reading that shows it, or `within_ms` from now without one. */
  outcome(): Promise<ReadBackOutcome>;
  /** Watches no longer. */
  end(): void;
}

/** Looks at readings as they are stored, for the commands whose effect one of them would show. */
export interface ReadBack {
  /** Tells what was stored; costs nothing while nobody waits. */
  observe(readings: readonly Reading[]): void;
  /** @throws RpcError -32602 when there is nothing to tell a change from */
  watch(spec: ConfirmSpec, request: CommandRequest): Watch;
  /** How many commands wait for a reading. */
  watching(): number;
}

const bounds = { min: 100, max: 60_000, integer: true };
const usualMs = 10_000;
const conditions = ['equals', 'above', 'below', 'changes_by'] as const;
const known = new Set<string>(['measurement_type', 'sensor_id', 'within_ms', ...conditions]);
const longestText = 256;
const mostListed = 50;

/**
 * Reads `confirm` of a call. @throws RpcError -32602 for what cannot be, -32005 when the scope of the principal is not
 * for reading telemetry
 */
export function readConfirm(
  value: unknown,
  request: CommandRequest,
  principal: Principal | undefined,
  registry: Pick<DeviceRegistry, 'resolve' | 'sensorsOf'>,
): ConfirmSpec | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw invalidParam('confirm', 'confirm must be an object');
  if (!admits(principal?.scope?.methods, 'telemetry.latest'))
    throw new RpcError(
      ErrorCode.Unauthorized,
      'confirm answers a reading, and the scope of this key does not take in telemetry.latest',
      { field: 'confirm' },
    );
  const inside = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { reason, details } = error;
      const { field, ...more } = details;
      throw invalidParam(`confirm.${String(field)}`, `confirm.${reason}`, more);
    }
  };
  const strange = Object.keys(value).find((name) => !known.has(name));
  if (strange !== undefined)
    throw invalidParam('confirm', 'confirm has a field that is not known', { allowed: [...known] });
  const measurementType = inside(() => requiredString(value, 'measurement_type'));
  const sensorId = inside(() => optionalString(value, 'sensor_id'));
  const { device, sensor } = request.target;
  const sensors = registry.sensorsOf(device.device_id);
  const meant = sensorId ?? sensor?.sensor_id;
  if (sensorId !== undefined && !sensors.some(({ sensor_id }) => sensor_id === sensorId))
    throw invalidParam('confirm.sensor_id', 'confirm.sensor_id is no sensor of this device', {
      allowed: sensors.slice(0, mostListed).map(({ sensor_id }) => sensor_id),
    });
  const types = [
    ...(meant === undefined ? device.measurements : []),
    ...sensors
      .filter(({ sensor_id }) => meant === undefined || sensor_id === meant)
      .flatMap(({ measurements }) => measurements),
  ].map(({ measurement_type }) => measurement_type);
  requireKnownType(measurementType, [...new Set(types)]);
  const number = (field: 'above' | 'below'): number | undefined =>
    inside(() => optionalNumber(value, field, { min: -Number.MAX_VALUE, max: Number.MAX_VALUE }));
  const [equals, above, below] = [equalsOf(value), number('above'), number('below')];
  const changesBy = inside(() =>
    optionalNumber(value, 'changes_by', { min: Number.MIN_VALUE, max: Number.MAX_VALUE }),
  );
  if ([equals, above, below, changesBy].every((condition) => condition === undefined))
    throw invalidParam('confirm', 'confirm needs one of equals, above, below and changes_by', {
      allowed: conditions,
    });
  return {
    measurement_type: measurementType,
    ...(meant !== undefined && { sensor_id: meant }),
    ...(equals !== undefined && { equals }),
    ...(above !== undefined && { above }),
    ...(below !== undefined && { below }),
    ...(changesBy !== undefined && { changes_by: changesBy }),
    within_ms: inside(() => optionalNumber(value, 'within_ms', bounds)) ?? usualMs,
  };
}

function equalsOf({ equals }: JsonObject): ReadingValue | undefined {
  if (equals === undefined || equals === null) return undefined;
  const fits =
    typeof equals === 'number' ||
    typeof equals === 'boolean' ||
    (typeof equals === 'string' && equals.length <= longestText);
  if (fits) return equals;
  throw invalidParam(
    'confirm.equals',
    `confirm.equals must be a number, true, false, or a text of at most ${longestText} characters`,
  );
}

function requireKnownType(type: string, known: readonly string[]): void {
  if (known.includes(type)) return;
  const meant = nearest(type, known);
  throw invalidParam(
    'confirm.measurement_type',
    'the device measures nothing of this type, so no reading could show the effect',
    { allowed: known.slice(0, mostListed), ...(meant !== undefined && { nearest: meant }) },
  );
}

/** @param deps.latest the newest reading of each series of a device */
export function createReadBack(deps: {
  clock: Clock;
  latest: (deviceId: string) => readonly Reading[];
}): ReadBack {
  const { clock, latest } = deps;
  const watches = new Map<string, Set<(reading: Reading) => void>>();

  return {
    observe(readings) {
      if (watches.size === 0) return;
      for (const reading of readings)
        for (const see of watches.get(reading.device_id) ?? []) see(reading);
    },
    watch(spec, { target }) {
      const id = target.device.device_id;
      const isMeant = ({ measurement_type, sensor_id }: Reading): boolean =>
        measurement_type === spec.measurement_type &&
        (spec.sensor_id === undefined || sensor_id === spec.sensor_id);
      const before = new Map(
        (spec.changes_by === undefined ? [] : latest(id))
          .filter((reading) => isMeant(reading) && typeof reading.value === 'number')
          .map(({ sensor_id, value }) => [sensor_id, value as number]),
      );
      if (spec.changes_by !== undefined && before.size === 0)
        throw invalidParam(
          'confirm.changes_by',
          'there is no earlier reading of this type that a change could be told from; use equals, above or below',
        );
      const since = clock.now();
      const shown = Promise.withResolvers<ReadBackOutcome>();
      let newest: Reading | undefined;
      const see = (reading: Reading): void => {
        if (!isMeant(reading) || reading.timestamp < since || reading.quality === 'bad') return;
        if (!newest || reading.timestamp >= newest.timestamp) newest = reading;
        if (holds(spec, reading, before.get(reading.sensor_id)))
          shown.resolve({ confirmed: true, reading: show(reading) });
      };
      const own = watches.get(id) ?? new Set();
      watches.set(id, own.add(see));
      const end = (): void => {
        own.delete(see);
        if (own.size === 0 && watches.get(id) === own) watches.delete(id);
      };
      return {
        async outcome() {
          const cancel = clock.after(spec.within_ms, () =>
            shown.resolve({ confirmed: false, ...(newest && { reading: show(newest) }) }),
          );
          const outcome = await shown.promise;
          cancel();
          end();
          return outcome;
        },
        end,
      };
    },
    watching: () => [...watches.values()].reduce((sum, { size }) => sum + size, 0),
  };
}

function holds(spec: ConfirmSpec, { value }: Reading, before: number | undefined): boolean {
  const { equals, above, below, changes_by: change } = spec;
  if (equals !== undefined && value !== equals) return false;
  if (above === undefined && below === undefined && change === undefined) return true;
  if (typeof value !== 'number') return false;
  if (above !== undefined && value <= above) return false;
  if (below !== undefined && value >= below) return false;
  return change === undefined || (before !== undefined && Math.abs(value - before) >= change);
}

const show = ({ device_id: _device, timestamp, ...reading }: Reading): ShownReading => ({
  ...reading,
  timestamp: new Date(timestamp).toISOString(),
});
