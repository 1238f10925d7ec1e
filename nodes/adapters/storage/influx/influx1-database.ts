import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import { createCounter } from './counter.ts';
import { Refusal, serverUrl, type HttpServer } from './influx-http.ts';
import { createInflux1Client, type Influx1Client } from './influx1-client.ts';
import { createInflux1Queries } from './influx1-queries.ts';
import { listSeries } from './influx1-series.ts';
import { writeReadings } from './influx1-write.ts';
import { isBefore, quotedName, tagIs, tagIsNot, theReadings } from './influxql.ts';
import { earliestTime } from './points.ts';

export interface Influx1Settings {
  /** `http://host:port` or `https://…`, with a path if the server is behind one. */
  url: string;
  database: string;
  /** Empty where the server asks nobody. For InfluxDB 3 any name, with a token as password. */
  username: string;
  password: string;
  /** For each request, from its first to its last byte. */
  timeoutMs: number;
  /** Longest answer to a question, in bytes. Default 256 MiB. */
  largestAnswer?: number;
}

/**
 * A database of InfluxDB 1, asked in InfluxQL; its layout is in docs/adr/0012-influxdb.md. InfluxDB 3 Core serves the
 * same interface, but it cannot delete.
 * @throws Error for a url that is none or a missing name
 */
export function createInflux1Database(settings: Influx1Settings): RemoteDatabase {
  const { database, username, timeoutMs } = settings;
  const url = serverUrl(settings.url);
  if (database === '') throw new Error('the name of the InfluxDB database is missing');
  const closing = new AbortController();
  let version = '1';
  const name = (): string => `InfluxDB ${version} at ${url}, database ${database}`;
  const server: HttpServer = { url, name, timeoutMs, closing: closing.signal };
  const client = createInflux1Client(server, settings);
  const queries = createInflux1Queries(client);
  const count = createCounter(async (limitMs) => {
    const [table] = await client.query(`SELECT count("quality") ${theReadings}`, limitMs);
    return Number(table?.rows[0]?.[1] ?? 0);
  });

  const explained =
    <Given extends unknown[], Result>(work: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      try {
        return await work(...given);
      } catch (error) {
        if (error instanceof Refusal) throw new Error(explanation(error, name(), settings));
        if (error instanceof SyntaxError)
          throw new Error(`${name()} answers with what is no JSON: ${error.message}`);
        throw error;
      }
    };
  const remove = async (statement: string): Promise<void> => {
    if (isVersion3(version))
      throw new Error(
        `${name()} cannot delete readings by this interface; give the database a retention period`,
      );
    await client.query(statement);
  };

  return {
    name,
    open: explained(async () => {
      version = (await client.version()) ?? version;
      if (version.startsWith('2.'))
        throw new Error(`${url} is InfluxDB ${version}: choose the store for that version`);
      if (!isVersion3(version)) await ensureDatabase(client, database, username);
      return listSeries(client, !isVersion3(version));
    }),
    write: explained(async (readings: Parameters<RemoteDatabase['write']>[0]) => ({
      rejected: await writeReadings(client, readings),
    })),
    readings: explained(queries.readings),
    aggregate: explained(queries.aggregate),
    removeDevice: explained((deviceId: string) =>
      remove(`DROP SERIES ${theReadings} WHERE ${tagIs('device_id', deviceId)}`),
    ),
    expire: explained(async ({ all, by_type }: Parameters<RemoteDatabase['expire']>[0]) => {
      const types = Object.keys(by_type);
      const before = async (end: number | undefined, conditions: string[]): Promise<void> => {
        if (end === undefined || end <= earliestTime) return;
        await remove(`DELETE ${theReadings} WHERE ${[...conditions, isBefore(end)].join(' AND ')}`);
      };
      for (const type of types) await before(by_type[type], [tagIs('measurement_type', type)]);
      await before(
        all,
        types.map((type) => tagIsNot('measurement_type', type)),
      );
    }),
    count: explained(count),
    close() {
      closing.abort();
      client.close();
      return Promise.resolve();
    },
  };
}

const isVersion3 = (version: string): boolean => version.startsWith('3.');

/** Makes the database if it is not there, and a retention policy if there is none to write to. */
async function ensureDatabase(
  client: Influx1Client,
  database: string,
  username: string,
): Promise<void> {
  const quoted = quotedName(database);
  const [databases] = await client.query('SHOW DATABASES');
  if (!databases?.rows.some(([one]) => one === database))
    await allowed(client, `CREATE DATABASE ${quoted}`, `the database ${database}`, username);
  const [policies] = await client.query(`SHOW RETENTION POLICIES ON ${quoted}`);
  const isDefault = policies?.columns.indexOf('default') ?? -1;
  if (!policies?.rows.some((policy) => policy[isDefault] === true))
    await allowed(
      client,
      `CREATE RETENTION POLICY "autogen" ON ${quoted} DURATION INF REPLICATION 1 DEFAULT`,
      `a default retention policy of the database ${database}`,
      username,
    );
}

/** Runs a statement of administrators. */
async function allowed(
  client: Influx1Client,
  statement: string,
  what: string,
  username: string,
): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    if (!(error instanceof Refusal) || error.statusCode !== 403) throw error;
    throw new Error(
      `there is no ${what.replace(/^(the|a) /, '')} that ${username} may use, and ${username} may not make it; ` +
        `an administrator can: ${statement}`,
      { cause: error },
    );
  }
}

/** What a refusal means to people. */
function explanation(
  { statusCode, message }: Refusal,
  name: string,
  { database, username }: Influx1Settings,
): string {
  switch (statusCode) {
    case 401:
      return `${name} refuses the user name or the password (${message})`;
    case 403:
      return `${name} does not let ${username} do this (${message}); an administrator can: GRANT ALL ON ${quotedName(database)} TO ${quotedName(username)}`;
    case 404:
      return `${name} is not there (${message}); check url and database`;
    default:
      return `${name} refuses the request: ${message}`;
  }
}
