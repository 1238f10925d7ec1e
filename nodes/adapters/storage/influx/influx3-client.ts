import type { InfluxDBClient } from '@influxdata/influxdb3-client';
import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';
import { excerpt, type HttpServer, TookTooLong } from './influx-http.ts';
import { createCallGuard } from './influx3-call-guard.ts';

/** A statement with the values of its parameters; none may be empty, for the library leaves those out. */
export interface SqlQuery {
  sql: string;
  params: Readonly<Record<string, string>>;
}

/** A row by the names of its columns: times are milliseconds, integers may be bigints, what is missing is null. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** The server would have to open more files than it may: a shorter range of time may do. */
export class TooManyFiles extends Error {
  override name = 'TooManyFiles';
}

/** Questions to the server over Flight. */
export interface Influx3Client {
  /**
   * The rows of an answer as they come.
   * @throws RemoteUnavailable, TooManyFiles, or an Error for good
   */
  query(query: SqlQuery, limitMs?: number): AsyncGenerator<SqlRow>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

const largestAnswer = 256 * 1024 * 1024;
const largestMessage = 32 * 1024 * 1024;
/** The codes of gRPC that stay the same, and what they mean. */
const meanings: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'does not know the token; give one of that server',
  PERMISSION_DENIED: 'does not let the token in; give one that may read and write the database',
  NOT_FOUND: 'has no such database; make it, or give a token that may',
  INVALID_ARGUMENT: 'refuses the question',
  UNIMPLEMENTED: 'answers no questions over Flight',
};

export function createInflux3Client(
  server: HttpServer,
  { database, token }: { database: string; token: string },
): Influx3Client {
  const guard = createCallGuard(largestAnswer);
  let loading: Promise<InfluxDBClient> | undefined;
  const load = async (): Promise<InfluxDBClient> => {
    const { InfluxDBClient } = await import('@influxdata/influxdb3-client');
    return new InfluxDBClient({
      host: server.url,
      token,
      database,
      grpcOptions: {
        'grpc.max_receive_message_length': largestMessage,
        // A server that is back is to be found soon.
        'grpc.max_reconnect_backoff_ms': 2_000,
        interceptors: [guard.interceptor],
      },
    });
  };
  const failure = (error: unknown, limitMs: number): Error => {
    const { name: kind, code, message } = error as Error & { code?: unknown };
    const name = server.name();
    const said = excerpt(message);
    if (server.closing.aborted) return new RemoteUnavailable(`${name} is closed`);
    if (kind !== 'RpcError') return new Error(`${name} gives an answer that is none: ${said}`);
    if (/exceed(s|ed)? file limit/.test(message)) return new TooManyFiles(`${name}: ${said}`);
    if (code === 'RESOURCE_EXHAUSTED' && message.startsWith('Received'))
      return new Error(`${name} gives too long an answer: ${said}`);
    if (code === 'DEADLINE_EXCEEDED') return new TookTooLong(name, limitMs);
    const meaning = meanings[String(code)];
    if (meaning !== undefined) return new Error(`${name} ${meaning} (${said})`);
    return new RemoteUnavailable(`${name} does not answer: ${String(code)}: ${said}`);
  };

  return {
    async *query({ sql, params }, limitMs = server.timeoutMs) {
      if (server.closing.aborted) throw failure(new Error(), limitMs);
      const client = await (loading ??= load());
      try {
        yield* client.query(sql, database, { type: 'sql', params, timeout: limitMs });
      } catch (error) {
        throw failure(error, limitMs);
      }
    },
    async close() {
      guard.cancelAll();
      await (await loading)?.close();
    },
  };
}
