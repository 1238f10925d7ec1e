import type { Quality, Reading, ReadingValue, ValueType } from './types.ts';

export const aggregations = [
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'first',
  'last',
  'median',
  'stddev',
] as const;
export type Aggregation = (typeof aggregations)[number];

/** One series: what one device or one of its sensors measures. */
export interface SeriesKey {
  device_id: string;
  sensor_id?: string;
  measurement_type: string;
}

export interface SeriesInfo extends SeriesKey {
  unit?: string;
  value_type: ValueType;
}

/** A question to the store; times in milliseconds since the epoch, start inclusive, end exclusive. */
export interface StoreQuery {
  /** MCU ids (their own series and all of their sensors') or sensor ids (that sensor's only). */
  device_ids: readonly string[];
  /** Absent: every measurement type. */
  measurement_types?: readonly string[];
  start: number;
  end: number;
  /** Absent: raw readings. */
  aggregation?: Aggregation;
  /** Width of a bucket, such as `15m`, `1h`, `1d`; absent with an aggregation: one bucket over the whole range. */
  interval?: string;
  /** IANA name; buckets of a day and more start at local midnight. Default UTC. */
  time_zone?: string;
  /** Most points in the whole answer. */
  limit: number;
  /** From the previous answer. */
  cursor?: string;
}

/** One point of an answer: the start of the bucket or the reading's own time (ms). */
export interface Point {
  timestamp: number;
  value: ReadingValue;
  /** How many readings are in it. */
  count: number;
}

export interface StoreAnswer {
  series: (SeriesInfo & { points: Point[] })[];
  /** More points exist past `limit`. */
  truncated: boolean;
  cursor?: string;
}

export interface LatestReading extends SeriesInfo {
  timestamp: number;
  value: ReadingValue;
  quality: Quality;
}

export interface WriteResult {
  stored: number;
  /** Points the store would not take, by position in the batch. */
  rejected: { index: number; reason: string }[];
}

/** Port: where readings live (see test/contract/telemetry-store.ts). */
export interface TelemetryStore {
  /** Resolves once every reading not in `rejected` would survive a crash. Same series and timestamp: last write wins. */
  write(readings: readonly Reading[]): Promise<WriteResult>;
  /** @throws RpcError -32602 for an interval, time zone or cursor that makes no sense, or a numeric aggregation of text */
  query(query: StoreQuery): Promise<StoreAnswer>;
  /** Newest reading of each series of these devices or sensors, from memory; all series if no ids are given. */
  latest(deviceIds?: readonly string[]): LatestReading[];
  /** Forgets all readings of a device and its sensors. */
  removeDevice(deviceId: string): Promise<void>;
  health(): Promise<{ ok: boolean; detail: string; readings: number; series: number }>;
  close(): Promise<void>;
}
