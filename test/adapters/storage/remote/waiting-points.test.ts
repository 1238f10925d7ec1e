import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bucketsWithWaiting,
  readingsWithWaiting,
  type WaitingReading,
} from '../../../../nodes/adapters/storage/remote/waiting-points.ts';
import { remoteBuckets } from '../../../../nodes/adapters/storage/remote/remote-points.ts';
import { createBuckets, parseInterval } from '../../../../nodes/core/telemetry/interval.ts';
import { aggregations, type SeriesInfo } from '../../../../nodes/core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../../nodes/core/telemetry/remote.ts';
import { createSegments } from '../../../../nodes/core/telemetry/segments.ts';
import { createMemoryRemote } from '../../../support/memory-remote.ts';

const series: SeriesInfo = { device_id: 'd', measurement_type: 'n', value_type: 'number' };
const change = Date.parse('2025-10-26T01:00:00Z');
const remoteWith = async (readings: readonly WaitingReading[]): Promise<RemoteDatabase> => {
  const remote = createMemoryRemote();
  await remote.open();
  await remote.write(readings.map((one) => ({ device_id: 'd', measurement_type: 'n', ...one })));
  return remote;
};
/** Quarters of an hour around a clock change. */
const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: -400, max: 400 }), fc.integer()), {
  selector: ([time]) => time,
  maxLength: 60,
});
const readingsOf = (of: readonly (readonly [number, number])[]): WaitingReading[] =>
  of
    .map(([quarter, value]) => ({ timestamp: change + quarter * 900_000, value }))
    .sort((a, b) => a.timestamp - b.timestamp);
const range = fc
  .tuple(fc.integer({ min: -420, max: 420 }), fc.integer({ min: -420, max: 420 }))
  .map(([a, b]) => ({
    start: change + Math.min(a, b) * 900_000 + 7,
    end: change + Math.max(a, b) * 900_000 + 8,
  }));
const within = (
  readings: readonly WaitingReading[],
  { start, end }: { start: number; end: number },
) => readings.filter(({ timestamp }) => timestamp >= start && timestamp < end);

describe('readings that wait among those of a database', () => {
  it('gives the readings as the database will when all is delivered', () =>
    fc.assert(
      fc.asyncProperty(
        rows,
        rows,
        range,
        fc.integer({ min: 1, max: 70 }),
        async (a, b, asked, limit) => {
          const [stored, waiting] = [readingsOf(a), readingsOf(b)];
          const question = { ...asked, limit };
          assert.deepEqual(
            await readingsWithWaiting(
              await remoteWith(stored),
              series,
              question,
              within(waiting, asked),
            ),
            await (await remoteWith([...stored, ...waiting])).readings(series, question),
          );
        },
      ),
      { numRuns: 300 },
    ));

  it('gives every aggregate of every interval as the database will when all is delivered', () =>
    fc.assert(
      fc.asyncProperty(
        ...([rows, rows, range, fc.integer({ min: 1, max: 30 })] as const),
        fc.constantFrom(...aggregations),
        fc.constantFrom('15m', '1h', '6h', '1d', '7d'),
        fc.constantFrom('UTC', 'Europe/Brussels', 'Australia/Lord_Howe'),
        async (a, b, asked, limit, aggregation, interval, zone) => {
          const [stored, waiting] = [readingsOf(a), readingsOf(b)];
          const buckets = {
            bucketAt: createBuckets(parseInterval(interval), zone),
            segmentFrom: createSegments(parseInterval(interval), zone),
          };
          const question = { ...asked, limit };
          assert.deepEqual(
            await bucketsWithWaiting(
              ...([await remoteWith(stored), series, aggregation, buckets, question] as const),
              within(waiting, asked),
            ),
            await remoteBuckets(
              await remoteWith([...stored, ...waiting]),
              ...([series, aggregation, buckets.segmentFrom, question] as const),
            ),
          );
        },
      ),
      { numRuns: 500 },
    ));

  it('refuses an interval with too many readings with -32006 that says what to do', async () => {
    const endless = {
      ...createMemoryRemote(),
      readings: (_series: SeriesInfo, { start, limit }: { start: number; limit: number }) =>
        Promise.resolve(
          Array.from({ length: limit }, (_, i) => ({ timestamp: start + i, value: 1, count: 1 })),
        ),
    };
    const [start, end] = [0, 1e9];
    await assert.rejects(
      bucketsWithWaiting(
        ...([endless, series, 'median'] as const),
        {
          bucketAt: () => ({ start, end }),
          segmentFrom: () => ({ start, end, width: end, origin: 0 }),
        },
        { start, end, limit: 10 },
        [{ timestamp: 5, value: 1 }],
      ),
      { code: -32006, message: /more than 500000 readings.*or again when nothing waits/ },
    );
  });
});
