import type { Aggregation, ExpiryTimes, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, Segment } from '../../../core/telemetry/remote.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { createCounter } from './counter.ts';
import { createExplained } from './explained.ts';
import { request, serverUrl, type HttpServer } from './influx-http.ts';
import { createInflux3Client, TooManyFiles, type SqlQuery, type SqlRow } from './influx3-client.ts';
import { createForgotten, type Note } from './influx3-forgotten.ts';
import { betweenBuckets, inParts, inTheMiddle } from './influx3-parts.ts';
import { ensureTable, productOf } from './influx3-place.ts';
import {
  countRows,
  newestRows,
  selectAggregates,
  selectReadings,
  type TimeRange,
} from './influx3-queries.ts';
import { noteLine, readNewest } from './influx3-series.ts';
import { writeReadings } from './influx3-write.ts';
import {
  aggregatePoint,
  bucketStart,
  cutRange,
  earliestTime,
  latestTime,
  readValue,
} from './points.ts';

export interface Influx3Settings {
  /** `http://host:port` or `https://…`. */
  url: string;
  database: string;
  /** Empty for a server without authentication. */
  token: string;
  /** For each request, from its first to its last byte; ten times that for what goes through all of the table. */
  timeoutMs: number;
}

/** How many times longer than other questions the one may take that goes through all of a table. */
const patience = 10;

/** A retention period must not take a note away before readings whose device's clock was ahead. */
const notesAhead = 600_000;

type Limited<Range> = Range & { limit: number };

const everything: TimeRange = { start: earliestTime, end: latestTime + 1 };

/**
 * A database of InfluxDB 3 Core or Enterprise: line protocol over HTTP, SQL over Flight. What is stored how, and what
 * is forgotten how, is in docs/adr/0012-influxdb.md.
 * @throws Error for a url that is none
 */
export function createInflux3Database(settings: Influx3Settings): RemoteDatabase {
  const { database, token, timeoutMs } = settings;
  const url = serverUrl(settings.url);
  if (URL.parse(url)?.pathname !== '/')
    throw new Error('url of InfluxDB 3 must have no path, for Flight has none');
  const closing = new AbortController();
  let product = 'InfluxDB 3';
  const name = (): string => `${product} at ${url}, database ${database}`;
  const server: HttpServer = { url, name, timeoutMs, closing: closing.signal };
  const authorization = token && `Bearer ${token}`;
  const client = createInflux3Client(server, settings);
  const forgotten = createForgotten();
  /** Devices there may be rows of. */
  const devices = new Set<string>();

  const explained = createExplained(name, 'database');
  /** The first rows of an answer, each as something. */
  const gather = async <T>(
    query: SqlQuery,
    most: number,
    read: (row: SqlRow) => T,
    limitMs = timeoutMs,
  ): Promise<T[]> => {
    const found: T[] = [];
    for await (const row of client.query(query, limitMs)) {
      found.push(read(row));
      if (found.length >= most) break;
    }
    return found;
  };
  const send = async (lines: readonly string[]): Promise<void> => {
    const query = new URLSearchParams({
      ...{ db: database, precision: 'millisecond', accept_partial: 'true', no_sync: 'false' },
    });
    const body = lines.join('\n');
    await request(server, 'POST', `/api/v3/write_lp?${query}`, { authorization, body });
  };
  const note = async (notes: readonly Note[]): Promise<void> => {
    const now = Date.now() + notesAhead;
    if (notes.length > 0) await send(notes.map((one) => noteLine(one, now)));
    for (const one of notes) forgotten.learn(one);
  };

  return {
    name,
    open: explained(async () => {
      const place = { database, authorization };
      product = (await productOf(server, place)) ?? product;
      await ensureTable(server, place);
      const rows = await inParts(everything, inTheMiddle, Infinity, (range) =>
        gather(newestRows(range), Infinity, (row) => row, timeoutMs * patience),
      );
      const series = readNewest(rows, forgotten);
      for (const { device_id } of series) devices.add(device_id);
      return series;
    }),
    write: explained(async (readings: readonly Reading[]) => {
      for (const { device_id } of readings) devices.add(device_id);
      return { rejected: await writeReadings(send, forgotten, readings) };
    }),
    readings: explained((series: SeriesInfo, wanted: Limited<TimeRange>) => {
      const whole = cutRange(wanted);
      if (!whole) return Promise.resolve([]);
      const remembered = forgotten.remembered(series);
      return inParts(whole, inTheMiddle, whole.limit, (range, limit) =>
        gather(selectReadings(series, remembered, { ...range, limit }), limit, readingPoint),
      );
    }),
    aggregate: explained(
      (series: SeriesInfo, aggregation: Aggregation, wanted: Limited<Segment>) => {
        const whole = cutRange(wanted);
        if (!whole) return Promise.resolve([]);
        const remembered = forgotten.remembered(series);
        return inParts(whole, betweenBuckets(whole), whole.limit, async (range, limit) => {
          const segment = { ...whole, ...range, limit };
          const query = selectAggregates(series, remembered, aggregation, segment);
          const points = await gather(query, limit, (row) => {
            const bucket = bucketStart(segment, Number(row['bucket'] ?? segment.start));
            return aggregatePoint(aggregation, bucket, row['value'], Number(row['count']));
          });
          return points.filter(({ count }) => count > 0);
        });
      },
    ),
    removeDevice: explained(async (deviceId: string) => {
      if (!devices.has(deviceId)) return;
      await note([forgotten.removal(deviceId)]);
      devices.delete(deviceId);
    }),
    expire: explained((times: ExpiryTimes) => note(forgotten.expiry(times))),
    count: createCounter(async (limitMs) => {
      try {
        for await (const row of client.query(countRows(everything), limitMs))
          return Number(row['count']);
        return 0;
      } catch (error) {
        if (error instanceof TooManyFiles) return undefined;
        throw error;
      }
    }),
    async close() {
      closing.abort();
      await client.close();
    },
  };
}

const readingPoint = (row: SqlRow): Point => ({
  timestamp: Number(row['time']),
  value: readValue(row['value']),
  count: 1,
});
