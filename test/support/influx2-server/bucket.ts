import type { ParsedField, ParsedPoint } from '../line-protocol-parser.ts';
import type { FluxValue } from './values.ts';

/** One field of one series, as the storage engine keeps it. */
export interface StoredSeries {
  measurement: string;
  tags: ReadonlyMap<string, string>;
  field: string;
  /** By time in nanoseconds. */
  values: Map<bigint, FluxValue>;
}

export interface Bucket {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** Seconds; 0: for ever. */
  readonly retention: number;
  series(): Iterable<StoredSeries>;
  /** Stores what it can; the answer is the reason and number of what it dropped. */
  write(points: readonly ParsedPoint[], nanosecondsPerUnit: bigint): Dropped | undefined;
  /** Deletes the points with times from `start` up to and including `stop` of the series that have all these tags. */
  delete(start: bigint, stop: bigint, tags: ReadonlyMap<string, string>): void;
}

export interface Dropped {
  reason: string;
  count: number;
}

const week = 604_800_000_000_000n;
const typeNames = { double: 'float', long: 'integer', string: 'string', boolean: 'boolean' };

export function createBucket(
  { id, name, orgId, retention }: Pick<Bucket, 'id' | 'name' | 'orgId' | 'retention'>,
  now: () => number,
): Bucket {
  const stored = new Map<string, StoredSeries>();
  /** Type of a field by measurement and shard group: a field has one type per week. */
  const types = new Map<string, FluxValue['type']>();

  const conflictOf = (point: ParsedPoint, time: bigint): string | undefined => {
    for (const [field, parsed] of point.fields) {
      const shard = JSON.stringify([point.measurement, field, String(time / week)]);
      const { type } = fluxValue(parsed);
      const known = types.get(shard);
      if (known === undefined) types.set(shard, type);
      else if (known !== type)
        return (
          `field type conflict: input field "${field}" on measurement "${point.measurement}" is type ` +
          `${typeName(type)}, already exists as type ${typeName(known)}`
        );
    }
    return undefined;
  };
  const store = ({ measurement, tags, fields }: ParsedPoint, time: bigint): void => {
    for (const [field, parsed] of fields) {
      const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
      const key = JSON.stringify([measurement, sorted, field]);
      let series = stored.get(key);
      if (!series) {
        series = { measurement, tags: new Map(sorted), field, values: new Map() };
        stored.set(key, series);
      }
      series.values.set(time, fluxValue(parsed));
    }
  };

  return {
    id,
    name,
    orgId,
    retention,
    series: () => stored.values(),
    write(points, nanosecondsPerUnit) {
      const lowest = BigInt(now() - retention * 1000) * 1_000_000n;
      const expired: ParsedPoint[] = [];
      const conflicts: string[] = [];
      for (const point of points) {
        const time = point.timestamp! * nanosecondsPerUnit;
        if (retention > 0 && time < lowest) {
          expired.push(point);
          continue;
        }
        const conflict = conflictOf(point, time);
        if (conflict === undefined) store(point, time);
        else conflicts.push(conflict);
      }
      const [first] = conflicts;
      if (first !== undefined) return { reason: first, count: conflicts.length };
      if (expired.length === 0) return undefined;
      const reason = `dropped ${expired.length} points outside retention policy of duration ${retention / 3600}h0m0s`;
      return { reason, count: expired.length };
    },
    delete(start, stop, tags) {
      for (const [key, { measurement, tags: own, values }] of stored) {
        const matches = [...tags].every(
          ([tag, value]) => (tag === '_measurement' ? measurement : own.get(tag)) === value,
        );
        if (!matches) continue;
        for (const time of values.keys()) if (time >= start && time <= stop) values.delete(time);
        if (values.size === 0) stored.delete(key);
      }
    },
  };
}

const typeName = (type: FluxValue['type']): string => typeNames[type as keyof typeof typeNames];

function fluxValue(field: ParsedField): FluxValue {
  switch (field.type) {
    case 'float':
      return { type: 'double', value: field.value };
    case 'integer':
      return { type: 'long', value: field.value };
    case 'string':
      return { type: 'string', value: field.value };
    case 'boolean':
      return { type: 'boolean', value: field.value };
    case 'unsigned':
      throw new Error('this server keeps no unsigned integers');
  }
}
