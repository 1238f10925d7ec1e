import type { WriteResult } from '../../core/telemetry/ports.ts';
import type { Reading } from '../../core/telemetry/types.ts';
import { refusalOf, type Series, type SeriesIndex } from './series-index.ts';

/** The readings of the calls of one commit, each with its series. */
export interface PlacedReadings {
  accepted: Reading[];
  /** The series of each accepted reading. */
  owners: Series[];
  /** Series that are new or have another unit now. */
  changed: Series[];
  /** What each call is told once the commit is durable. */
  results: WriteResult[];
  /** The commit is durable: its readings may be the newest of their series now. */
  applied(): void;
  /** The commit failed: the series it brought are forgotten again. */
  undo(): void;
}

/** Gives each reading its series, making those that are new, and refuses what cannot be stored. */
export function placeReadings(
  index: SeriesIndex,
  writes: readonly (readonly Reading[])[],
): PlacedReadings {
  const accepted: Reading[] = [];
  const owners: Series[] = [];
  const created: Series[] = [];
  const unitsBefore = new Map<Series, string | undefined>();
  const newest = new Map<Series, Reading>();

  const place = (reading: Reading): string | undefined => {
    const known = index.find(reading);
    const refusal = refusalOf(reading, known);
    if (refusal !== undefined) return refusal;
    const series = known ?? index.create(reading);
    if (!known) created.push(series);
    if (reading.unit !== undefined && reading.unit !== series.unit) {
      if (!unitsBefore.has(series)) unitsBefore.set(series, series.unit);
      series.unit = reading.unit;
    }
    accepted.push(reading);
    owners.push(series);
    const before = newest.get(series);
    if (!before || reading.timestamp >= before.timestamp) newest.set(series, reading);
    return undefined;
  };
  const results = writes.map((readings) => {
    const rejected: WriteResult['rejected'] = [];
    for (const [position, reading] of readings.entries()) {
      const reason = place(reading);
      if (reason !== undefined) rejected.push({ index: position, reason });
    }
    return { stored: readings.length - rejected.length, rejected };
  });

  return {
    accepted,
    owners,
    changed: [...new Set([...created, ...unitsBefore.keys()])],
    results,
    applied() {
      for (const [series, { timestamp, value, quality = 'good' }] of newest) {
        const before = series.latest?.timestamp ?? -Infinity;
        if (timestamp >= before) series.latest = { timestamp, value, quality };
      }
    },
    undo() {
      for (const [series, unit] of unitsBefore) series.unit = unit;
      for (const series of created) index.delete(series);
    },
  };
}
