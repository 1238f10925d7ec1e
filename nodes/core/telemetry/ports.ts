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

/** Times (ms since the epoch) before which readings are forgotten; a type of its own goes before `all`. */
export interface ExpiryTimes {
  /** For every measurement type not named in `by_type`; absent: those are kept for ever. */
  all?: number;
  by_type: Readonly<Record<string, number>>;
}

/** What waits on disk for a store elsewhere. */
export interface SpoolState {
  readings: number;
  bytes: number;
  max_bytes: number;
  /** When the oldest waiting reading came in (ms since the epoch). */
  oldest?: number;
  /** Readings the store elsewhere would not take after they had been acknowledged; they are kept aside. */
  refused: number;
}

export interface StoreHealth {
  /** False while readings cannot be stored, or cannot be asked for. */
  ok: boolean;
  /** For people: what and where it is, and what is wrong. */
  detail: string;
  /** How many readings are stored, as far as the store can tell cheaply. */
  readings: number;
  series: number;
  /** Only with a store elsewhere. */
  spool?: SpoolState;
}

/** Port: where readings live (see test/contract/telemetry-store.ts). */
export interface TelemetryStore {
  /**
   * Resolves once every reading not in `rejected` would survive a crash. Same series and timestamp: last write wins.
   * @throws Error when nothing of the batch is stored (disk full, spool full, store gone)
   */
  write(readings: readonly Reading[]): Promise<WriteResult>;
  /** @throws RpcError -32602 for an interval, time zone or cursor that makes no sense, or a numeric aggregation of text */
  query(query: StoreQuery): Promise<StoreAnswer>;
  /** Newest reading of each series of these devices or sensors, from memory; all series if no ids are given. */
  latest(deviceIds?: readonly string[]): LatestReading[];
  /** Forgets all readings of a device and its sensors. */
  removeDevice(deviceId: string): Promise<void>;
  /** Forgets readings that are too old, rollups included. */
  expire(times: ExpiryTimes): Promise<void>;
  /** Copies all readings to a new file while the store goes on; absent where the database has backups of its own. */
  backup?(file: string): Promise<void>;
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}
