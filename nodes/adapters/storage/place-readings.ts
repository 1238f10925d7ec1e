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
  /**
   * The commit is durable: its readings may be the newest of their series now.
   * @param refused why accepted readings were not stored after all, by their position in `accepted`
   */
  applied(refused?: ReadonlyMap<number, string>): void;
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
    applied(refused) {
      const newest = new Map<Series, Reading>();
      for (const [position, series] of owners.entries()) {
        const reading = accepted[position] as Reading;
        if (refused?.has(position)) continue;
        const before = newest.get(series);
        if (!before || reading.timestamp >= before.timestamp) newest.set(series, reading);
      }
      for (const [series, { timestamp, value, quality = 'good' }] of newest) {
        const before = series.latest?.timestamp ?? -Infinity;
        if (timestamp >= before) series.latest = { timestamp, value, quality };
      }
      if (!refused || refused.size === 0) return;
      for (const series of created) if (!newest.has(series)) index.delete(series);
      reject(writes, results, refused);
    },
    undo() {
      for (const [series, unit] of unitsBefore) series.unit = unit;
      for (const series of created) index.delete(series);
    },
  };
}

/** Tells the calls of accepted readings that were refused after all. */
function reject(
  writes: readonly (readonly Reading[])[],
  results: readonly WriteResult[],
  refused: ReadonlyMap<number, string>,
): void {
  let position = 0;
  for (const [call, readings] of writes.entries()) {
    const { rejected } = results[call] as WriteResult;
    const before = new Set(rejected.map(({ index }) => index));
    for (const index of readings.keys()) {
      if (before.has(index)) continue;
      const reason = refused.get(position++);
      if (reason !== undefined) rejected.push({ index, reason });
    }
    rejected.sort((a, b) => a.index - b.index);
    (results[call] as WriteResult).stored = readings.length - rejected.length;
  }
}
