import type { Agent, IncomingMessage } from 'node:http';
import type { InfluxDB, IResponse } from 'influx';
import { isObject } from '../../../core/document.ts';
import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';
import {
  excerpt,
  failureOf,
  Refusal,
  request,
  requestSignal,
  type HttpServer,
} from './influx-http.ts';
import { createWatchedAgent } from './watched-agent.ts';

/** One table of an answer: the rows of a series, or all rows if the statement does not group. */
export interface ResultTable {
  tags: Readonly<Record<string, string>>;
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
}

/**
 * Most rows to ask for in one statement. Of an answer with more, the server says that it is a part of something whether
 * or not it has cut it to its `max-row-limit`.
 */
export const mostRows = 10_000;

/** The HTTP interface of InfluxDB 1; all calls reject as `request` of influx-http.ts does. */
export interface Influx1Client {
  /** The version the server says it has, if it says one; what else is wrong the next request tells. */
  version(): Promise<string | undefined>;
  /** Line protocol in milliseconds, in one request. */
  write(lines: readonly string[]): Promise<void>;
  /**
   * Runs one statement; timestamps are in milliseconds.
   * @param limitMs longest wait, if not that of all requests
   * @throws SyntaxError when a number in the answer has no place in JSON
   */
  query(statement: string, limitMs?: number): Promise<ResultTable[]>;
  close(): void;
}

export interface Influx1Place {
  database: string;
  username: string;
  password: string;
  /** Longest answer to a statement, in bytes. Default 256 MiB. */
  largestAnswer?: number;
}

/** What the server says in a result of what will pass. */
const passing =
  /^(timeout|query interrupted|query-timeout limit|max-concurrent-queries limit|engine is closed|shard is (closed|disabled))/;

export function createInflux1Client(server: HttpServer, place: Influx1Place): Influx1Client {
  const { database, username, password, largestAnswer = 256 * 1024 * 1024 } = place;
  const authorization =
    username && `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const connections = createWatchedAgent(server.url.startsWith('https:'), largestAnswer);
  let connecting: Promise<InfluxDB> | undefined;
  const library = (): Promise<InfluxDB> =>
    (connecting ??= connect(server.url, connections.agent, place));

  /** The library's own limit is between two bytes. */
  const limited = async <T>(
    timeoutMs: number,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const limits = { ...server, timeoutMs };
    const signal = requestSignal(limits);
    try {
      return await Promise.race([connections.watch(() => call(signal)), aborted(signal)]);
    } catch (error) {
      throw failure(signal.aborted ? signal.reason : error, limits);
    }
  };

  return {
    async version() {
      const influx = await library();
      const [host] = await limited(server.timeoutMs, () => influx.ping(server.timeoutMs));
      const version = host?.version as string | null | undefined;
      return version?.replace(/^v/, '');
    },
    async write(lines) {
      const path = `/write?db=${encodeURIComponent(database)}&precision=ms`;
      await request(server, 'POST', path, { body: lines.join('\n'), authorization });
    },
    async query(statement, limitMs = server.timeoutMs) {
      const influx = await library();
      const answer: unknown = await limited(limitMs, (signal) =>
        influx.queryRaw(statement, { precision: 'ms', method: 'POST', signal }),
      );
      return tablesOf(answer, server);
    },
    close: () => connections.close(),
  };
}

/** Loads the library when the first statement needs it. */
async function connect(
  address: string,
  agent: Agent,
  { database, username, password }: Influx1Place,
): Promise<InfluxDB> {
  const { InfluxDB } = await import('influx');
  const { hostname, port, pathname, protocol } = new URL(address);
  const isSecure = protocol === 'https:';
  return new InfluxDB({
    database,
    // Left out, the name would be `root`.
    username: username || (null as unknown as string),
    password,
    hosts: [
      {
        host: hostname,
        port: Number(port) || (isSecure ? 443 : 80),
        protocol: isSecure ? 'https' : 'http',
        path: pathname.replace(/\/$/, ''),
        options: { agent },
      },
    ],
    // When to try again is for the spool to say.
    pool: { maxRetries: 0, backoff: noBackOff },
  });
}

const noBackOff = { getDelay: () => 0, next: () => noBackOff, reset: () => noBackOff };

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
  });

/** What the library rejects with, as `request` would. */
function failure(error: unknown, server: HttpServer): Error {
  if (error instanceof SyntaxError) return error;
  const { res, message } = error as Error & { res?: IncomingMessage };
  const status = res?.statusCode;
  return failureOf(status === undefined ? error : refusalOf(status, message), server);
}

/** The library puts a sentence of its own before the body. */
const refusalOf = (status: number, message: string): Refusal =>
  new Refusal(status, message.replace(/^A \d+ .*? error occurred: /s, ''));

function tablesOf(answer: unknown, server: HttpServer): ResultTable[] {
  if (!isResponse(answer)) throw new Error(`${server.name()} answers with JSON that is no result`);
  const tables: ResultTable[] = [];
  for (const { error, series = [], ...more } of answer.results) {
    if (error !== undefined) throw errorOf(error, server);
    for (const { tags = {}, columns, values = [], ...rest } of series) {
      if ('partial' in rest || 'partial' in more)
        throw new Error(
          `${server.name()} cuts its answers short; set max-row-limit = 0 in its configuration`,
        );
      tables.push({ tags, columns, rows: values as unknown[][] });
    }
  }
  return tables;
}

function isResponse(answer: unknown): answer is IResponse {
  if (!isObject(answer) || !Array.isArray(answer['results'])) return false;
  return answer['results'].every(
    (result) => isObject(result) && (result['series'] === undefined || areTables(result['series'])),
  );
}

const areTables = (series: unknown): boolean =>
  Array.isArray(series) &&
  series.every(
    (table) =>
      isObject(table) &&
      Array.isArray(table['columns']) &&
      (table['values'] === undefined ||
        (Array.isArray(table['values']) && table['values'].every(Array.isArray))),
  );

/** What the server says in a result. */
function errorOf(error: string, server: HttpServer): Error {
  if (passing.test(error)) return new RemoteUnavailable(`${server.name()}: ${excerpt(error)}`);
  return new Refusal(error.startsWith('database not found') ? 404 : 400, error);
}
