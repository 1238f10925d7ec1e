import type { Reading } from '../../../core/telemetry/types.ts';
import { packReadings } from '../packing.ts';
import { placeReadings, type PlacedReadings } from '../place-readings.ts';
import type { SeriesIndex } from '../series-index.ts';
import type { ReadingsCommit } from './telemetry-file.ts';

/** The calls of one commit, ready for the writer thread. */
export interface PackedCommit extends Pick<PlacedReadings, 'results' | 'applied' | 'undo'> {
  commit: ReadingsCommit;
}

/** Gives each reading its series, making those that are new, and refuses what cannot be stored. */
export function packCommit(
  index: SeriesIndex,
  writes: readonly (readonly Reading[])[],
): PackedCommit {
  const { accepted, owners, changed, ...outcome } = placeReadings(index, writes);
  return {
    ...outcome,
    commit: {
      series: changed.map(({ id, device_id, sensor_id, measurement_type, unit, value_type }) => ({
        ...{ id, device_id, sensor_id, measurement_type, value_type },
        unit: unit ?? null,
      })),
      readings: packReadings(accepted, owners),
    },
  };
}
