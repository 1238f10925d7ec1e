import type {
  Aggregation,
  ExpiryTimes,
  LatestReading,
  Point,
  SeriesInfo,
  WriteResult,
} from './ports.ts';
import type { Reading } from './types.ts';

/** A series a database elsewhere has, with its newest reading if there is one. */
export interface RemoteSeries extends SeriesInfo {
  latest?: Pick<LatestReading, 'timestamp' | 'value' | 'quality'>;
}

/** Part of a time range in which all buckets have one width: they start at `origin + k * width`. */
export interface Segment {
  /** Milliseconds since the epoch, inclusive; need not be the start of a bucket. */
  start: number;
  /** Exclusive. */
  end: number;
  /** Milliseconds. */
  width: number;
  /** Start of one of the buckets, milliseconds since the epoch. */
  origin: number;
}

/** The database is away or overloaded: the same call may succeed later. Any other error is for good. */
export class RemoteUnavailable extends Error {
  override name = 'RemoteUnavailable';
}

/**
 * Port: a telemetry database elsewhere. A disk spool in front of it makes a `TelemetryStore` of it, and sees to
 * paging, buckets, value types, the index of series and newest readings; so an implementation only speaks the
 * database's language. Every call has a time limit of its own, and every value from a reading is escaped or bound.
 * Writes, removals and expiries are called one at a time. One that is given up is ended in the database as well, as far
 * as that can be brought about, because what arrives late could overwrite what was written after it. Times are any a
 * `Date` can hold: a range that reaches past what the database can express is cut, a reading there is a refused point.
 * Booleans aggregate as 0 and 1; `stddev` is that of a sample, 0 for one reading; the median of an even count is the
 * mean of the middle two. All calls may reject with `RemoteUnavailable`.
 */
export interface RemoteDatabase {
  /** For people: product, version if known, address and database; no credentials. */
  readonly name: () => string;
  /**
   * Makes what is missing (database, bucket, tables) where that is allowed, and lists all series. Called before any
   * other call, and again after the database was away.
   * @throws Error that says what is wrong (no such database and not allowed to make it, wrong password)
   */
  open(): Promise<RemoteSeries[]>;
  /**
   * Resolves once the database has made the readings durable: same series and timestamp, last write wins, also within
   * one call. Points it will never take are named by position; all others are stored then. At most 10,000 at once.
   * @throws RemoteUnavailable, or an Error when nothing can be written until somebody changes something (no permission)
   */
  write(readings: readonly Reading[]): Promise<Pick<WriteResult, 'rejected'>>;
  /** The first `limit` readings of a series in [start, end), in the order of time; `count` is 1. */
  readings(
    series: SeriesInfo,
    range: { start: number; end: number; limit: number },
  ): Promise<Point[]>;
  /** The first `limit` buckets that hold readings, in the order of time, each with the start of its bucket. */
  aggregate(
    series: SeriesInfo,
    aggregation: Aggregation,
    segment: Segment & { limit: number },
  ): Promise<Point[]>;
  removeDevice(deviceId: string): Promise<void>;
  expire(times: ExpiryTimes): Promise<void>;
  /** How many readings it holds, if that is cheap to know. */
  count(): Promise<number | undefined>;
  /** Ends what is under way; those calls reject. */
  close(): Promise<void>;
}
