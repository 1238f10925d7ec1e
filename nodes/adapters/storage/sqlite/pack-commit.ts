import type { LatestReading, WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading, ValueType } from '../../../core/telemetry/types.ts';
import { createPackedReadings, packQuality } from './packing.ts';
import { refusalOf, type Series, type SeriesIndex } from '../series-index.ts';
import type { ReadingsCommit } from './telemetry-file.ts';

/** The calls of one commit, ready for the writer thread. */
export interface PackedCommit {
  commit: ReadingsCommit;
  /** What each call is told once the commit is on disk. */
  results: WriteResult[];
  /** The commit is on disk: its readings may be the newest of their series now. */
  applied(): void;
  /** The commit failed: the series it brought are forgotten again. */
  undo(): void;
}

/** Gives each reading its series, making those that are new, and refuses what cannot be stored. */
export function packCommit(
  index: SeriesIndex,
  writes: readonly (readonly Reading[])[],
): PackedCommit {
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
    commit: {
      series: [...new Set([...created, ...unitsBefore.keys()])].map(
        ({ id, device_id, sensor_id, measurement_type, unit, value_type }) => ({
          ...{ id, device_id, sensor_id, measurement_type, value_type },
          unit: unit ?? null,
        }),
      ),
      readings: pack(accepted, owners),
    },
    results,
    applied() {
      for (const [series, { timestamp, value, quality = 'good' }] of newest) {
        const before: Pick<LatestReading, 'timestamp'> | undefined = series.latest;
        if (!before || timestamp >= before.timestamp) series.latest = { timestamp, value, quality };
      }
    },
    undo() {
      for (const [series, unit] of unitsBefore) series.unit = unit;
      for (const series of created) index.delete(series);
    },
  };
}

function pack(readings: readonly Reading[], owners: readonly Series[]): ReadingsCommit['readings'] {
  const packed = createPackedReadings(readings.length);
  for (const [i, { timestamp, value, quality }] of readings.entries()) {
    packed.series[i] = owners[i]?.id ?? 0;
    packed.timestamp[i] = timestamp;
    packed.quality[i] = packQuality(quality);
    if ((typeof value as ValueType) === 'string') {
      packed.number[i] = NaN;
      packed.text.push(value as string);
    } else {
      packed.number[i] = Number(value);
    }
  }
  return packed;
}
