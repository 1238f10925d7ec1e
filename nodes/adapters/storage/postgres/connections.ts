import { Socket } from 'node:net';
import type { Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import { explained, isRefusal } from './errors.ts';
import type { Target } from './target.ts';

/** How much longer than the server the client waits: it is the server that should end a statement. */
const graceMs = 500;

/** Runs a statement and gives its rows; several statements may be in one text without values, the last has the rows. */
export type Query = <Row extends QueryResultRow>(
  text: string,
  values?: readonly (string | number | Buffer | null)[],
) => Promise<Row[]>;

/** Connections to one database, made when needed. What comes from PostgreSQL rejects as `explained` has it. */
export interface Connections {
  query: Query;
  /** Runs statements that are committed together, durably whatever the server's own setting is, or not at all. */
  transaction: <T>(work: (query: Query) => Promise<T>) => Promise<T>;
  /** Ends what is under way; those calls reject. */
  close: () => Promise<void>;
}

/** @param most how many there are at once */
export function createConnections(target: Target, most: number): Connections {
  const sockets = new Set<Socket>();
  const prepared = new WeakSet<PoolClient>();
  /** Ends the wait of those who want a connection. */
  const waiting = new Set<(error: Error) => void>();
  let pool: Promise<Pool> | undefined;
  let closed = false;

  const fromPostgres = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw closed ? new Error('the store is closed') : explained(error, target);
    }
  };
  const run = async (
    client: PoolClient,
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult> => {
    const result: QueryResult | QueryResult[] = await fromPostgres(
      client.query({ text, ...(values && { values: [...values] }) }),
    );
    return (Array.isArray(result) ? result.at(-1) : result) as QueryResult;
  };
  const connect = (from: Pool): Promise<PoolClient> => {
    const { promise, resolve, reject } = Promise.withResolvers<PoolClient>();
    waiting.add(reject);
    from
      .connect()
      .then((client) => (closed ? client.release(true) : resolve(client)), reject)
      .finally(() => waiting.delete(reject));
    return promise;
  };
  const use = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    if (closed) throw new Error('the store is closed');
    const client = await fromPostgres(connect(await (pool ??= openPool(target, most, sockets))));
    // What ends a connection is the error of the statement under way as well.
    client.on('error', ignore);
    let isDoubtful = false;
    try {
      if (!prepared.has(client)) await run(client, sessionSettings(target));
      prepared.add(client);
      return await work(client);
    } catch (error) {
      isDoubtful = !isRefusal(error);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(isDoubtful);
    }
  };
  const queryOn =
    (client: PoolClient): Query =>
    async <Row>(text: string, values?: readonly unknown[]) =>
      (await run(client, text, values)).rows as Row[];

  return {
    query: (text, values) => use((client) => queryOn(client)(text, values)),
    transaction: (work) =>
      use(async (client) => {
        await run(client, 'BEGIN READ WRITE; SET LOCAL synchronous_commit = on');
        try {
          const result = await work(queryOn(client));
          const { command } = await run(client, 'COMMIT');
          if (command !== 'COMMIT') throw new Error(`PostgreSQL answered ${command} to COMMIT`);
          return result;
        } catch (error) {
          if (isRefusal(error)) await run(client, 'ROLLBACK');
          throw error;
        }
      }),
    async close() {
      if (closed) return;
      closed = true;
      const ended = (await pool)?.end();
      for (const socket of sockets) socket.destroy();
      for (const refuse of waiting) refuse(new Error('closed'));
      await ended;
    },
  };
}

/** @throws Error when the package `pg` is missing */
async function openPool(target: Target, most: number, sockets: Set<Socket>): Promise<Pool> {
  const { host, port, database, username, password, tls, timeoutMs } = target;
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    ...{ host, port, database, user: username, ssl: tls, max: most },
    // As a function, so that an empty one is not looked for in the environment.
    password: () => password,
    application_name: 'llm-iot-hub',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs + graceMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idleTimeoutMillis: 60_000,
    types: { getTypeParser: parserOf },
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  // An idle connection that ends is replaced when one is needed.
  pool.on('error', ignore);
  return pool;
}

/**
 * Whatever the server's and the user's defaults are: floating-point numbers are sent exactly, names mean what they say,
 * and nothing is compiled for queries that are over sooner.
 */
const sessionSettings = ({ timeoutMs }: Target): string => `
  SET statement_timeout = ${timeoutMs};
  SET idle_in_transaction_session_timeout = ${timeoutMs};
  SET extra_float_digits = 1;
  SET search_path = pg_catalog;
  SET client_min_messages = error;
  SET jit = off`;

/** The object ids of bigint, smallint, integer, double precision and numeric. */
const numeric = new Set([20, 21, 23, 701, 1700]);
const boolean = 16;

function parserOf(type: number): (text: string) => unknown {
  if (numeric.has(type)) return Number;
  return type === boolean ? (text) => text === 't' : (text) => text;
}

function ignore(): void {
  // Reported where it matters.
}
