import type { InfluxDB, ParameterizedQuery, Row } from '@influxdata/influxdb-client';
import { failureOf, limited, Refusal, requestSignal, type HttpServer } from './influx-http.ts';

/** The library, loaded when the first store needs it. */
export type Influx2Library = typeof import('@influxdata/influxdb-client');

/** The two endpoints the library serves best; both reject as `request` of influx-http.ts does. */
export interface Influx2Client {
  library(): Promise<Influx2Library>;
  /** Line protocol in milliseconds, in one request. */
  write(lines: readonly string[]): Promise<void>;
  /** The rows of an answer as they come. */
  query(flux: ParameterizedQuery, limitMs?: number): AsyncGenerator<Row>;
}

const largestAnswer = 256 * 1024 * 1024;
/** The library puts a line together chunk by chunk, which takes ever longer the longer it is. */
const longestLine = 1024 * 1024;

export function createInflux2Client(
  server: HttpServer,
  { organization, bucket, token }: { organization: string; bucket: string; token: string },
): Influx2Client {
  const { url, timeoutMs } = server;
  let loading: Promise<Influx2Library> | undefined;
  const library = (): Promise<Influx2Library> =>
    (loading ??= import('@influxdata/influxdb-client'));

  /** For one request, because only a signal limits all of its time: the library's limit is between two bytes. */
  const connect = async (timeout: number): Promise<InfluxDB> => {
    const { InfluxDB } = await library();
    const signal = requestSignal({ ...server, timeoutMs: timeout });
    return new InfluxDB({ url, token, timeout, transportOptions: { signal } });
  };
  const failure = (error: unknown, limitMs: number): Error => {
    const { statusCode, body, message } = error as Error & { statusCode?: number; body?: string };
    return failureOf(statusCode === undefined ? error : new Refusal(statusCode, body ?? message), {
      ...server,
      timeoutMs: limitMs,
    });
  };

  return {
    library,
    async write(lines) {
      try {
        const api = (await connect(timeoutMs)).getWriteApi(organization, bucket, 'ms', {
          // Nothing may be sent before `flush`, which alone tells what became of it.
          batchSize: lines.length + 1,
          maxBatchBytes: Infinity,
          flushInterval: 0,
          maxRetries: 0,
          // The library writes a failure to the console unless this answers it.
          writeFailed: (error) => Promise.reject(error),
        });
        api.writeRecords([...lines]);
        await api.flush();
      } catch (error) {
        throw failure(error, timeoutMs);
      }
    },
    async *query(flux, limitMs = timeoutMs) {
      try {
        const { InfluxDB } = await library();
        const { transport } = await connect(limitMs);
        const bounded: typeof transport = {
          chunkCombiner: transport.chunkCombiner,
          send: transport.send.bind(transport),
          request: transport.request.bind(transport),
          iterate: (...request) =>
            annotated(limited(transport.iterate(...request), largestAnswer, longestLine)),
        };
        const api = new InfluxDB({ url, transport: bounded }).getQueryApi(organization);
        for await (const row of api.iterateRows(flux)) {
          assertNoError(row);
          yield row;
        }
      } catch (error) {
        throw failure(error, limitMs);
      }
    },
  };
}

/** What goes wrong after the server has begun to answer stands in a table of its own. */
function assertNoError({ values, tableMeta }: Row): void {
  if (tableMeta.columns[0]?.label !== 'error') return;
  throw new Refusal(400, values[0] ?? '');
}

/** Passes on an answer that begins as annotated CSV does, even an empty one; anything else would be read as no rows. */
async function* annotated(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst && !'#,\r\n'.includes(String.fromCharCode(chunk[0] ?? 10)))
      throw new Refusal(200, `this is not annotated CSV: ${Buffer.from(chunk).toString()}`);
    isFirst = false;
    yield chunk;
  }
}
