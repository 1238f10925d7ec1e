import type { LatestReading, SeriesInfo, SeriesKey } from '../../core/telemetry/ports.ts';
import type { Reading, ValueType } from '../../core/telemetry/types.ts';

/** A series and its newest stored reading. */
export interface Series {
  readonly id: number;
  readonly device_id: string;
  /** Empty for the device's own series. */
  readonly sensor_id: string;
  readonly measurement_type: string;
  readonly value_type: ValueType;
  unit: string | undefined;
  latest: Pick<LatestReading, 'timestamp' | 'value' | 'quality'> | undefined;
}

/** All series in memory, with their ids and newest readings. */
export interface SeriesIndex {
  size(): number;
  all(): Iterable<Series>;
  /** Whether a series has not been deleted. */
  has(series: Series): boolean;
  find(key: SeriesKey): Series | undefined;
  /** Makes a series for a reading that has none. */
  create(reading: Reading): Series;
  /** Makes a series that is known from elsewhere. */
  add(info: SeriesInfo): Series;
  /** Takes in a series that has an id already. */
  load(series: Series): void;
  delete(series: Series): void;
  /** The series of MCUs (with their sensors') and of sensors, by id. */
  of(ids: Iterable<string>): Set<Series>;
  /** The series of an MCU and its sensors. */
  ofDevice(deviceId: string): Series[];
}

export function createSeriesIndex(nextId: number): SeriesIndex {
  const byKey = new Map<string, Map<string, Map<string, Series>>>();
  const byId = new Map<number, Series>();
  const bySensor = new Map<string, Set<Series>>();
  let next = nextId;

  const insert = (series: Series): void => {
    const { device_id, sensor_id, measurement_type } = series;
    const sensors = upsert(byKey, device_id, () => new Map<string, Map<string, Series>>());
    upsert(sensors, sensor_id, () => new Map<string, Series>()).set(measurement_type, series);
    byId.set(series.id, series);
    if (sensor_id) upsert(bySensor, sensor_id, () => new Set<Series>()).add(series);
  };
  const add = ({ device_id, sensor_id = '', measurement_type, unit, value_type }: SeriesInfo) => {
    const series: Series = {
      ...{ id: next++, device_id, sensor_id, measurement_type, value_type, unit },
      latest: undefined,
    };
    insert(series);
    return series;
  };
  const ofDevice = (deviceId: string): Series[] =>
    [...(byKey.get(deviceId)?.values() ?? [])].flatMap((types) => [...types.values()]);

  return {
    size: () => byId.size,
    all: () => byId.values(),
    has: (series) => byId.get(series.id) === series,
    find: ({ device_id, sensor_id, measurement_type }) =>
      byKey
        .get(device_id)
        ?.get(sensor_id ?? '')
        ?.get(measurement_type),
    create: (reading) => add({ ...reading, value_type: typeof reading.value as ValueType }),
    add,
    load: insert,
    delete(series) {
      const { id, device_id, sensor_id, measurement_type } = series;
      byId.delete(id);
      const sensors = byKey.get(device_id);
      const types = sensors?.get(sensor_id);
      types?.delete(measurement_type);
      if (types?.size === 0) sensors?.delete(sensor_id);
      if (sensors?.size === 0) byKey.delete(device_id);
      const siblings = bySensor.get(sensor_id);
      siblings?.delete(series);
      if (siblings?.size === 0) bySensor.delete(sensor_id);
    },
    of(ids) {
      const found = new Set<Series>();
      for (const id of ids) {
        for (const series of ofDevice(id)) found.add(series);
        for (const series of bySensor.get(id) ?? []) found.add(series);
      }
      return found;
    },
    ofDevice,
  };
}

/** Series in the order of an answer: by device, sensor and measurement type. */
export function compareSeries(a: SeriesKey, b: SeriesKey): number {
  return (
    compareText(a.device_id, b.device_id) ||
    compareText(a.sensor_id ?? '', b.sensor_id ?? '') ||
    compareText(a.measurement_type, b.measurement_type)
  );
}

export function seriesInfo(series: Series): SeriesInfo {
  const { device_id, sensor_id, measurement_type, unit, value_type } = series;
  return {
    device_id,
    ...(sensor_id && { sensor_id }),
    measurement_type,
    ...(unit !== undefined && { unit }),
    value_type,
  };
}

/** Why a reading cannot be in its series; undefined if it can. */
export function refusalOf(
  reading: Reading,
  series: Pick<Series, 'value_type'> | undefined,
): string | undefined {
  const { value, timestamp, measurement_type } = reading;
  if (!Number.isSafeInteger(timestamp) || Math.abs(timestamp) > 8.64e15)
    return 'timestamp must be a whole number of milliseconds since the epoch';
  const type = typeof value as string;
  if (type !== 'number' && type !== 'string' && type !== 'boolean')
    return 'value must be a number, a string or a boolean';
  if (type === 'number' && !Number.isFinite(value)) return 'value must be a finite number';
  if (series && series.value_type !== type)
    return `${measurement_type} is stored as ${series.value_type}; the value is a ${type}`;
  return undefined;
}

const compareText = (a: string, b: string): number => Number(a > b) - Number(a < b);

function upsert<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = create()));
  return found;
}
