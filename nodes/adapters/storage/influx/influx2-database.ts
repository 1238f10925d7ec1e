import type { ParameterizedQuery, Row } from '@influxdata/influxdb-client';
import { isObject } from '../../../core/document.ts';
import type { Aggregation, ExpiryTimes, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, Segment } from '../../../core/telemetry/remote.ts';
import { expiryOf } from '../../../core/telemetry/retention.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { parseDocument, Refusal, request, serverUrl, type HttpServer } from './influx-http.ts';
import { storedTag } from './influx-text.ts';
import { createCounter } from './counter.ts';
import { createExplained } from './explained.ts';
import { ensureBucket } from './influx2-bucket.ts';
import { createInflux2Client } from './influx2-client.ts';
import { gatherAggregates, gatherReadings } from './influx2-points.ts';
import { createInflux2Queries, type Influx2Queries } from './influx2-queries.ts';
import { readCell } from './influx2-rows.ts';
import { gatherSeries } from './influx2-series.ts';
import { writeReadings } from './influx2-write.ts';
import { readingsMeasurement } from './line-protocol.ts';
import { cutRange, earliestTime, latestTime } from './points.ts';

export interface Influx2Settings {
  /** `http://host:port` or `https://…`, with a path if the server is behind one. */
  url: string;
  organization: string;
  bucket: string;
  token: string;
  /** For each request, from its first to its last byte; ten times that for what goes through all of the bucket. */
  timeoutMs: number;
}

/** How many times longer than other requests those may take that go through all of a bucket. */
const patience = 10;

type TimeRange = Pick<Segment, 'start' | 'end'>;
type Limited<Range> = Range & { limit: number };

/**
 * A bucket of InfluxDB OSS 2 or InfluxDB Cloud (TSM), asked in Flux; its layout is in docs/adr/0012-influxdb.md.
 * @throws Error for a url that is none
 */
export function createInflux2Database(settings: Influx2Settings): RemoteDatabase {
  const { organization, bucket, token, timeoutMs } = settings;
  const url = serverUrl(settings.url);
  const closing = new AbortController();
  let version = '2';
  const name = (): string => `InfluxDB ${version} at ${url}, bucket ${bucket}`;
  const server: HttpServer = { url, name, timeoutMs, closing: closing.signal };
  const place = { organization, bucket, authorization: `Token ${token}` };
  const client = createInflux2Client(server, settings);
  /** Measurement types there may be points of: the server deletes by name only. */
  const types = new Set<string>();

  const ask = async function* (
    build: (queries: Influx2Queries) => ParameterizedQuery,
    limitMs?: number,
  ): AsyncGenerator<Row> {
    yield* client.query(build(createInflux2Queries(await client.library(), bucket)), limitMs);
  };
  const explained = createExplained(name, 'bucket');
  /** Deletes readings that are older than `end` and have the tag. */
  const deletePoints = async (tag: string, value: string, end: number): Promise<void> => {
    const query = new URLSearchParams({ org: organization, bucket });
    const quoted = storedTag(value).replaceAll('"', '\\"');
    const patient = { ...server, timeoutMs: timeoutMs * patience };
    await request(patient, 'POST', `/api/v2/delete?${query}`, {
      authorization: place.authorization,
      body: {
        start: new Date(earliestTime).toISOString(),
        // The server deletes the point at `stop` as well.
        stop: new Date(end - 1).toISOString(),
        predicate: `_measurement="${readingsMeasurement}" AND ${tag}="${quoted}"`,
      },
    });
  };

  return {
    name,
    open: explained(async () => {
      version = (await versionOf(server)) ?? version;
      await ensureBucket(server, place);
      const series = await gatherSeries(ask((queries) => queries.newest(), timeoutMs * patience));
      for (const { measurement_type } of series) types.add(measurement_type);
      return series;
    }),
    write: explained(async (readings: readonly Reading[]) => {
      for (const { measurement_type } of readings) types.add(measurement_type);
      return { rejected: await writeReadings(client, readings) };
    }),
    readings: explained(async (series: SeriesInfo, wanted: Limited<TimeRange>) => {
      const range = cutRange(wanted);
      if (!range) return [];
      return gatherReadings(
        ask((queries) => queries.readings(series, range)),
        range.limit,
      );
    }),
    aggregate: explained(
      async (series: SeriesInfo, aggregation: Aggregation, wanted: Limited<Segment>) => {
        const segment = cutRange(wanted);
        if (!segment) return [];
        const rows = ask((queries) => queries.aggregate(series, aggregation, segment));
        return gatherAggregates(rows, aggregation, segment);
      },
    ),
    removeDevice: explained((deviceId: string) =>
      deletePoints('device_id', deviceId, latestTime + 1),
    ),
    expire: explained(async (times: ExpiryTimes) => {
      for (const type of types) {
        const end = expiryOf(times, type);
        if (end !== undefined && end > earliestTime)
          await deletePoints('measurement_type', type, Math.min(end, latestTime + 1));
      }
    }),
    count: createCounter(async (limitMs) => {
      for await (const row of ask((queries) => queries.count(), limitMs))
        return Number(readCell(row, '_value'));
      return 0;
    }),
    close: () => {
      closing.abort();
      return Promise.resolve();
    },
  };
}

/** The version the server says it has, if it says one. @throws Error for one that has no Flux and no buckets */
async function versionOf(server: HttpServer): Promise<string | undefined> {
  const text = await request(server, 'GET', '/health').catch((error: unknown) => {
    if (error instanceof Refusal) return '';
    throw error;
  });
  const health = parseDocument(text);
  const [, version] = /^v?(\d+\..*)$/.exec(isObject(health) ? String(health['version']) : '') ?? [];
  if (version?.startsWith('2.') === false)
    throw new Error(`${server.url} is InfluxDB ${version}: choose the store for that version`);
  return version;
}
