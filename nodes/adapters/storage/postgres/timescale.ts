import type { ExpiryTimes } from '../../../core/telemetry/ports.ts';
import type { Query } from './connections.ts';
import { schema } from './layout.ts';

/** The extension in this database, and whether the readings are in one of its hypertables. */
export interface Timescale {
  version: string;
  /** Where its functions are, quoted. */
  schema: string;
  isHypertable: boolean;
}

const week = 7 * 86_400_000;

export async function findTimescale(query: Query): Promise<Timescale | undefined> {
  const [extension] = await query<{ version: string; schema: string }>(
    `SELECT extversion AS version, quote_ident(nspname) AS schema
     FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
     WHERE extname = 'timescaledb'`,
  );
  if (!extension) return undefined;
  const hypertables = await query(
    `SELECT FROM timescaledb_information.hypertables
     WHERE hypertable_schema = '${schema}' AND hypertable_name = 'readings'`,
  );
  return { ...extension, isHypertable: hypertables.length > 0 };
}

/** Makes the empty table of readings one that is cut into weeks; its primary key is all the index there need be. */
export const createHypertable = (timescale: Timescale): string => `
  SELECT ${timescale.schema}.create_hypertable('${schema}.readings', 'timestamp',
    chunk_time_interval => ${week}::bigint, create_default_indexes => false)`;

/** Drops the chunks in which everything is too old, whatever its measurement type; undefined if there can be none. */
export function dropOldChunks(
  timescale: Timescale,
  { all, by_type }: ExpiryTimes,
): string | undefined {
  if (all === undefined) return undefined;
  const before = Math.ceil(Math.min(all, ...Object.values(by_type)));
  return `SELECT ${timescale.schema}.drop_chunks('${schema}.readings', older_than => ${before}::bigint)`;
}

/** From the statistics of all chunks. */
export const approximateCount = (timescale: Timescale): string =>
  `SELECT ${timescale.schema}.approximate_row_count('${schema}.readings') AS count`;
