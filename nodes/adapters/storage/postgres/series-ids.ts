import type { SeriesKey } from '../../../core/telemetry/ports.ts';
import type { Reading, ValueType } from '../../../core/telemetry/types.ts';
import { textArray } from './binary-arrays.ts';
import type { Query } from './connections.ts';
import { schema, shareSeries } from './layout.ts';
import { decodeText, encodeText } from './text.ts';

/** What readings need to know of their series. */
export interface StoredSeries {
  id: number;
  value_type: ValueType;
  unit: string | undefined;
}

/** The ids of series by their names; those of series written before are remembered. */
export interface SeriesIds {
  /**
   * Gives the series of each reading, makes those that are missing, and sets units to those written last, as part of a
   * transaction that keeps them from being removed meanwhile. `applied` is to be called when it is committed.
   */
  resolve: (
    query: Query,
    readings: readonly Reading[],
  ) => Promise<{ owners: StoredSeries[]; applied: () => void }>;
  /** The database may be another one now. */
  forget: () => void;
}

interface SeriesRow extends Required<SeriesKey> {
  value_type: string;
  unit: string | null;
}

const upsertSeries = `
  INSERT INTO ${schema}.series AS known (device_id, sensor_id, measurement_type, value_type, unit)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
  ON CONFLICT (device_id, sensor_id, measurement_type) WHERE NOT removed DO UPDATE
  SET unit = CASE WHEN known.value_type = excluded.value_type
    THEN coalesce(excluded.unit, known.unit) ELSE known.unit END
  RETURNING id, device_id, sensor_id, measurement_type, value_type, unit`;

export function createSeriesIds(): SeriesIds {
  const known = new Map<string, StoredSeries>();
  let removals: number | undefined;

  return {
    async resolve(query, readings) {
      const [layout] = await query<{ removals: number }>(
        `${shareSeries}; SELECT removals FROM ${schema}.layout`,
      );
      // Another hub may have removed series that are known here.
      if (layout?.removals !== removals) known.clear();
      removals = layout?.removals;

      const missing = missingSeries(known, readings);
      const found = missing.size > 0 ? await upsert(query, missing) : new Map<string, never>();
      const owners = readings.map((reading) => {
        const key = keyOf(reading);
        const owner = found.get(key) ?? known.get(key);
        if (!owner) throw new Error(`PostgreSQL did not keep the series ${key}`);
        return owner;
      });
      return {
        owners,
        applied() {
          for (const [key, series] of found) known.set(key, series);
        },
      };
    },
    forget: () => known.clear(),
  };
}

/** What is not known, or not with this unit. */
function missingSeries(
  known: ReadonlyMap<string, StoredSeries>,
  readings: readonly Reading[],
): Map<string, SeriesRow> {
  const missing = new Map<string, SeriesRow>();
  for (const reading of readings) {
    const key = keyOf(reading);
    const before = missing.get(key) ?? known.get(key);
    const { device_id, sensor_id = '', measurement_type, value } = reading;
    const unit = reading.unit ?? before?.unit ?? null;
    if (before && unit === (before.unit ?? null)) continue;
    const value_type = before?.value_type ?? typeof value;
    missing.set(key, { device_id, sensor_id, measurement_type, value_type, unit });
  }
  return missing;
}

async function upsert(
  query: Query,
  missing: ReadonlyMap<string, SeriesRow>,
): Promise<Map<string, StoredSeries>> {
  // In one order, so that two hubs that make the same series wait for each other instead of blocking each other.
  const rows = [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const column = (name: keyof SeriesRow): Buffer =>
    textArray(rows.map((row) => (row[name] === null ? undefined : encodeText(row[name]))));
  const stored = await query<SeriesRow & Pick<StoredSeries, 'id' | 'value_type'>>(upsertSeries, [
    column('device_id'),
    column('sensor_id'),
    column('measurement_type'),
    column('value_type'),
    column('unit'),
  ]);
  return new Map(
    stored.map(({ id, value_type, unit, ...names }) => [
      keyOf({
        device_id: decodeText(names.device_id),
        sensor_id: decodeText(names.sensor_id),
        measurement_type: decodeText(names.measurement_type),
      }),
      { id, value_type, unit: unit === null ? undefined : decodeText(unit) },
    ]),
  );
}

/** One string for the three names, whatever they contain. */
const keyOf = ({ device_id, sensor_id = '', measurement_type }: SeriesKey): string =>
  `${device_id.length} ${sensor_id.length} ${device_id}${sensor_id}${measurement_type}`;
