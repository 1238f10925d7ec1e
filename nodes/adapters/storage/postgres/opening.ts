import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';
import { createConnections, type Connections } from './connections.ts';
import { sqlState, sqlStateOf } from './errors.ts';
import { createLayout, layoutVersion, lockLayout, schema } from './layout.ts';
import { addressOf, type Target } from './target.ts';
import { createHypertable, findTimescale, type Timescale } from './timescale.ts';

/** What is known of a server once its database is ready for use. */
export interface Server {
  version: string;
  timescale: Timescale | undefined;
  /** False where an operator gave up durability for speed. */
  isDurable: boolean;
}

const oldestVersion = 13;

/**
 * Makes the database and its tables where they are missing and that is allowed, and checks that they can be used.
 * @throws Error that says what is in the way
 */
export async function openDatabase(connections: Connections, target: Target): Promise<Server> {
  const server = await describeServer(connections).catch(async (error: unknown) => {
    if (sqlStateOf(error) !== sqlState.undefinedDatabase) throw error;
    await createDatabase(target);
    return describeServer(connections);
  });
  const where = `PostgreSQL at ${addressOf(target)}`;
  if (server.number < oldestVersion * 10_000)
    throw new Error(
      `${where} has version ${server.version}; the hub needs ${oldestVersion} or later`,
    );
  if (server.is_standby)
    throw new RemoteUnavailable(`${where} is a standby, which takes no writes`);
  if (server.encoding !== 'UTF8')
    throw new Error(
      `${where} has the encoding ${server.encoding}; the hub needs one with UTF8 (CREATE DATABASE … ENCODING 'UTF8')`,
    );
  if (!server.has_layout) await createTables(connections, target);
  await checkTables(connections, target);
  return {
    version: server.version,
    isDurable: server.is_durable,
    timescale: await findTimescale(connections.query),
  };
}

interface ServerRow {
  version: string;
  number: number;
  encoding: string;
  is_standby: boolean;
  is_durable: boolean;
  has_layout: boolean;
}

async function describeServer({ query }: Connections): Promise<ServerRow> {
  const [row] = await query<ServerRow>(
    `SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer AS number,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS is_standby,
       current_setting('fsync') = 'on' AS is_durable,
       to_regclass('${schema}.layout') IS NOT NULL AS has_layout`,
  );
  if (!row) throw new Error('PostgreSQL did not say what it is');
  return row;
}

/** By way of the database that every server has, unless somebody removed it. */
async function createDatabase(target: Target): Promise<void> {
  const { database, username } = target;
  const connections = createConnections({ ...target, database: 'postgres' }, 1);
  const create = `CREATE DATABASE "${database.replaceAll('"', '""')}" ENCODING 'UTF8'`;
  try {
    await connections.query(create).catch(async (error: unknown) => {
      // The usual template may have another encoding, or be in use; this one never is.
      const state = sqlStateOf(error);
      if (state === sqlState.invalidParameterValue || state === sqlState.objectInUse)
        return connections.query(`${create} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`);
      throw error;
    });
  } catch (error) {
    const state = sqlStateOf(error);
    // Another hub was faster.
    if (state === sqlState.duplicateDatabase || state === sqlState.uniqueViolation) return;
    const isAway = error instanceof RemoteUnavailable && state !== sqlState.undefinedDatabase;
    if (isAway) throw error;
    throw new Error(
      `${addressOf(target)} does not exist, and ${username} could not make it (${((error as Error).cause as Error).message}); ` +
        `make it (CREATE DATABASE … OWNER …) or give ${username} the right (ALTER ROLE … CREATEDB)`,
      { cause: error },
    );
  } finally {
    await connections.close();
  }
}

async function createTables(connections: Connections, target: Target): Promise<void> {
  try {
    await connections.transaction(async (query) => {
      await query(lockLayout);
      const [found] = await query<{ has_schema: boolean; has_layout: boolean }>(
        `SELECT to_regnamespace('${schema}') IS NOT NULL AS has_schema,
           to_regclass('${schema}.layout') IS NOT NULL AS has_layout`,
      );
      if (found?.has_layout) return;
      if (!found?.has_schema) await query(`CREATE SCHEMA ${schema}`);
      await query(createLayout);
      const timescale = await findTimescale(query);
      if (timescale) await query(createHypertable(timescale));
    });
  } catch (error) {
    if (sqlStateOf(error) !== sqlState.insufficientPrivilege) throw error;
    throw new Error(
      `PostgreSQL at ${addressOf(target)}: ${target.username} may not make the hub's tables; ` +
        'run GRANT CREATE ON DATABASE … TO … there, or open it once as a user who may',
      { cause: error },
    );
  }
}

async function checkTables({ query }: Connections, target: Target): Promise<void> {
  const [layout] = await query<{ version: number }>(`SELECT version FROM ${schema}.layout`);
  if (layout?.version !== layoutVersion)
    throw new Error(
      `PostgreSQL at ${addressOf(target)}: the tables have layout version ${String(layout?.version)}, ` +
        `this hub knows ${layoutVersion}: they were made by another version of the hub`,
    );
  const missing = await query<{ name: string; privilege: string }>(
    `SELECT name, privilege FROM unnest(ARRAY['series', 'readings', 'layout']) AS name,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
     WHERE NOT has_table_privilege('${schema}.' || name, privilege)`,
  );
  if (missing.length > 0)
    throw new Error(
      `PostgreSQL at ${addressOf(target)}: ${target.username} may not ` +
        `${missing.map(({ name, privilege }) => `${privilege} ${schema}.${name}`).join(', ')}; ` +
        `run GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO … there`,
    );
}
