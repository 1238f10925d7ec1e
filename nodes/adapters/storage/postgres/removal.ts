import type { ExpiryTimes } from '../../../core/telemetry/ports.ts';
import { int4Array, int8Array, textArray } from './binary-arrays.ts';
import type { Connections } from './connections.ts';
import { lockSeries, schema } from './layout.ts';
import { encodeText } from './text.ts';

/** So that no statement takes long, however much there is to delete. */
const readingsAtOnce = 10_000;
const seriesAtOnce = 1_000;

const markRemoved = `
  UPDATE ${schema}.series SET removed = true WHERE device_id = $1 AND NOT removed RETURNING id`;
const countRemoval = `UPDATE ${schema}.layout SET removals = removals + 1`;
/** Series in which something may be too old; of removed ones, everything is. */
const seriesToSweep = `
  SELECT id, before FROM (
    SELECT id, CASE WHEN removed THEN ${Number.MAX_SAFE_INTEGER}
      ELSE coalesce(own.before, $1::bigint) END AS before
    FROM ${schema}.series LEFT JOIN unnest($2::text[], $3::bigint[]) AS own (measurement_type, before)
    USING (measurement_type)
  ) AS limits
  WHERE before IS NOT NULL AND id > $4 ORDER BY id LIMIT ${seriesAtOnce}`;
/** The inner limit makes sure that they are found by the index, series by series. */
const deleteReadings = `
  WITH gone AS (
    DELETE FROM ${schema}.readings AS stored USING (
      SELECT one.series, one.timestamp
      FROM unnest($1::integer[], $2::bigint[]) AS wanted (id, before) CROSS JOIN LATERAL (
        SELECT series, timestamp FROM ${schema}.readings
        WHERE series = wanted.id AND timestamp < wanted.before LIMIT ${readingsAtOnce}
      ) AS one LIMIT ${readingsAtOnce}
    ) AS old
    WHERE stored.series = old.series AND stored.timestamp = old.timestamp RETURNING 1
  ) SELECT count(*) AS count FROM gone`;
const isEmpty = `id = ANY ($1::integer[])
  AND NOT EXISTS (SELECT FROM ${schema}.readings WHERE readings.series = series.id)`;
const someEmpty = `SELECT FROM ${schema}.series WHERE ${isEmpty} LIMIT 1`;
const deleteEmpty = `DELETE FROM ${schema}.series WHERE ${isEmpty} RETURNING id`;

export interface Removal {
  removeDevice: (deviceId: string) => Promise<void>;
  expire: (times: ExpiryTimes) => Promise<void>;
}

/**
 * Deletes readings bit by bit, and series that have none left. Removed ones are out of sight at once; what a crash
 * leaves of them is deleted with whatever is deleted next.
 */
export function createRemoval({ query, transaction }: Connections): Removal {
  /** Nobody may write to these series meanwhile, and whoever has remembered them must look again. */
  const removeSeries = (statement: string, value: string | Buffer): Promise<void> =>
    transaction(async (run) => {
      await run(lockSeries);
      const removed = await run(statement, [value]);
      if (removed.length > 0) await run(countRemoval);
    });
  const expire = async ({ all, by_type }: ExpiryTimes): Promise<void> => {
    const types = textArray(Object.keys(by_type).map(encodeText));
    // Readings have whole milliseconds, limits may be anything.
    const limits = int8Array(Object.values(by_type).map(Math.ceil));
    let last = 0;
    for (;;) {
      const values = [all === undefined ? null : Math.ceil(all), types, limits, last];
      const found = await query<{ id: number; before: number }>(seriesToSweep, values);
      if (found.length === 0) return;
      const ids = int4Array(found.map(({ id }) => id));
      const before = int8Array(found.map((one) => one.before));
      for (let gone: number | undefined; gone !== 0;)
        gone = (await query<{ count: number }>(deleteReadings, [ids, before]))[0]?.count ?? 0;
      if ((await query(someEmpty, [ids])).length > 0) await removeSeries(deleteEmpty, ids);
      last = found.at(-1)?.id ?? last;
    }
  };

  return {
    expire,
    async removeDevice(deviceId) {
      await removeSeries(markRemoved, encodeText(deviceId));
      await expire({ by_type: {} });
    },
  };
}
