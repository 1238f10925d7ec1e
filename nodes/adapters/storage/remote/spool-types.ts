import type { ExpiryTimes } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import type { PackedReadings } from '../packing.ts';
import type { Series } from '../series-index.ts';

/** A change of the database that waits its turn among the readings. */
export type WaitingChange = { removeDevice: string } | { expire: ExpiryTimes };

/** A change and the entry it is in. */
export interface EnteredChange {
  id: number;
  change: WaitingChange;
}

/** A series of the spool's index. */
export interface SpooledSeries {
  series: Series;
  /** Forgotten, but what waits may still name it. */
  removed: boolean;
  /** Why the database cannot take the readings that wait for it. */
  refusal?: string;
}

/** A reading that was acknowledged and that the database will never take. */
export interface RefusedReading {
  reading: Reading;
  reason: string;
}

/** How much waits. */
export interface SpoolLevel {
  entries: number;
  readings: number;
  bytes: number;
  /** Arrival of the oldest entry, milliseconds since the epoch. */
  oldest?: number;
  /** Id of the newest entry there ever was. */
  newest: number;
  /** Readings refused since the file was made. */
  refused: number;
}

/** What is in the file when it is opened. */
export interface LoadedSpool {
  series: SpooledSeries[];
  /** Larger than the id of any series. */
  nextId: number;
  changes: EnteredChange[];
  level: SpoolLevel;
}

/** The next entries in the order they came: readings, or one change, or one that cannot be read any more. */
export interface SpoolHead {
  batches: PackedReadings[];
  change?: WaitingChange;
  damaged?: true;
  /** Id of the last of these entries. */
  last: number;
}

/** Readings of one entry. */
export interface ScannedBatch {
  entry: number;
  readings: PackedReadings;
}

/** Part of what waits for some series, in the order it came. */
export interface ScannedReadings {
  batches: ScannedBatch[];
  /** The entry after which to go on; absent at the end. */
  next?: number;
}
