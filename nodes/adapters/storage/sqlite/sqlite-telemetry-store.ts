import type { Log } from '../../../core/log.ts';
import type { ExpiryTimes, TelemetryStore, WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading, ValueType } from '../../../core/telemetry/types.ts';
import { expiryOf } from '../../../core/telemetry/retention.ts';
import { createGroupQueue } from '../group-queue.ts';
import { packCommit } from './pack-commit.ts';
import { transferOfReadings, unpackPoints, unpackQuality, unpackValue } from '../packing.ts';
import { createSeriesIndex, seriesInfo, type Series, type SeriesIndex } from '../series-index.ts';
import { createSeriesQueries } from '../series-queries.ts';
import type { LatestRow, SeriesRow } from './sqlite-schema.ts';
import type { ReaderOperations } from './sqlite-reader.worker.ts';
import type { WriterOperations } from './sqlite-writer.worker.ts';
import { createWorkerHost, workerUrl, type StartThread, type WorkerHost } from '../worker-host.ts';

/** How the store trades memory and latency for throughput; the defaults suit a hub. */
export interface SqliteTelemetryTuning {
  /** Readings that wait in the unsorted table before they are moved to their place. Default 150,000. */
  moveAtRows: number;
  /** They are moved too when nothing was written for this long. Default 2,000 ms. */
  moveWhenIdleMs: number;
  /** Missing rollups of hours and days are made this often. Default 30,000 ms. */
  rollUpEveryMs: number;
  /** Readings of one commit, unless a single call has more. Default 20,000. */
  maxCommitReadings: number;
  /** Readings that may wait while a commit is under way. Default 500,000. */
  maxWaitingReadings: number;
}

const usualTuning: SqliteTelemetryTuning = {
  moveAtRows: 150_000,
  moveWhenIdleMs: 2_000,
  rollUpEveryMs: 30_000,
  maxCommitReadings: 20_000,
  maxWaitingReadings: 500_000,
};

export interface SqliteTelemetryOptions extends Partial<SqliteTelemetryTuning> {
  /** Where the database is or shall be; `-wal`, `-shm` and `.lock` files stand beside it. */
  file: string;
  log?: Log;
  /** Starts the worker threads. */
  startThread?: StartThread;
}

/** Readings to write, or work that must not run together with a commit. */
type WriterTask = { readings: readonly Reading[] } | { work: () => Promise<void> };

const nothingDone: WriteResult = { stored: 0, rejected: [] };

/** Series whose old readings are deleted together. */
const expiryGroup = 1_000;

/**
 * A telemetry store in one SQLite file. One thread writes: calls that come while a commit is under way share the next
 * one, and a call resolves when its readings are on disk. Another thread reads. Series and newest readings are in
 * memory. A series keeps the value type of its first reading, others are rejected; its unit is the one written last.
 * @throws Error that says what is wrong with the file
 */
export async function createSqliteTelemetryStore(
  options: SqliteTelemetryOptions,
): Promise<TelemetryStore> {
  const { file, log, startThread, ...tuning } = options;
  const { maxCommitReadings, maxWaitingReadings, ...upkeep } = { ...usualTuning, ...tuning };
  const start = <Name extends 'writer' | 'reader'>(name: Name) =>
    createWorkerHost<Name extends 'writer' ? WriterOperations : ReaderOperations>(
      workerUrl(`sqlite-${name}.worker`, import.meta.url),
      startThread,
    );
  const writer = start('writer');
  const reader = start('reader');
  const stop = async (): Promise<void> => {
    await Promise.all([writer.stop(), reader.stop()]);
  };
  let index: SeriesIndex;
  try {
    index = await openFile(writer, reader, { file, ...upkeep });
  } catch (error) {
    await stop();
    throw error;
  }
  const query = createSeriesQueries(index, async ({ series, ...question }) => {
    const { series: gathered, next } = await reader.call('query', {
      ...question,
      series: series.map(({ id, value_type }) => ({ id, type: value_type })),
    });
    return {
      series: gathered.map((one) => ({ ...one, points: unpackPoints(one.points) })),
      ...(next && { next }),
    };
  });
  let lastFailure: string | undefined;

  const commitWrites = async (calls: readonly (readonly Reading[])[]): Promise<WriteResult[]> => {
    const packed = packCommit(index, calls);
    const { commit, results } = packed;
    try {
      if (commit.readings.series.length > 0)
        await writer.call('commit', commit, transferOfReadings(commit.readings));
      packed.applied();
      return results;
    } catch (error) {
      packed.undo();
      throw error;
    }
  };
  const removeSeries = async (series: readonly Series[]): Promise<void> => {
    if (series.length === 0) return;
    await writer.call(
      'remove',
      series.map(({ id }) => id),
    );
    for (const one of series) index.delete(one);
  };
  const runTasks = async (tasks: readonly WriterTask[]): Promise<WriteResult[]> => {
    const [first] = tasks;
    if (!first || !('work' in first))
      return commitWrites(tasks.flatMap((task) => ('readings' in task ? [task.readings] : [])));
    await first.work();
    return [nothingDone];
  };
  const queue = createGroupQueue<WriterTask, WriteResult>({
    maxGroup: maxCommitReadings,
    maxWaiting: maxWaitingReadings,
    alone: (task) => 'work' in task,
    async commit(tasks) {
      try {
        const results = await runTasks(tasks);
        lastFailure = undefined;
        return results;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (lastFailure !== message) log?.error(`telemetry store ${file}: ${message}`);
        lastFailure = message;
        throw error;
      }
    },
  });

  const betweenCommits = async (work: () => Promise<void>): Promise<void> => {
    await queue.add({ work }, 1);
  };

  /** One part of the readings that are too old; a series that has no others goes with its last part. */
  const expirePart = async (series: readonly [Series, number][]): Promise<boolean> => {
    const expiries = series.map(([{ id }, before]) => ({ series: id, before }));
    if (await writer.call('expire', expiries)) return true;
    const empty = series.filter(([{ latest }, before]) => !latest || latest.timestamp < before);
    await removeSeries(empty.map(([one]) => one));
    return false;
  };
  const expire = async (times: ExpiryTimes): Promise<void> => {
    const series = [...index.all()].flatMap((one): [Series, number][] => {
      const before = expiryOf(times, one.measurement_type);
      return before === undefined ? [] : [[one, before]];
    });
    for (let first = 0; first < series.length; first += expiryGroup) {
      let left = true;
      while (left)
        await betweenCommits(async () => {
          const group = series.slice(first, first + expiryGroup);
          left = await expirePart(group.filter(([one]) => index.has(one)));
        });
    }
  };

  let readings = 0;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await queue.close();
    try {
      if (!reader.failure()) await reader.call('close', undefined);
      if (!writer.failure()) await writer.call('close', undefined);
    } finally {
      await stop();
    }
  };

  return {
    write: (batch) => queue.add({ readings: batch }, batch.length),
    query,
    latest: (deviceIds) =>
      [...(deviceIds ? index.of(deviceIds) : index.all())].flatMap((series) =>
        series.latest ? [{ ...seriesInfo(series), ...series.latest }] : [],
      ),
    removeDevice: (deviceId) => betweenCommits(() => removeSeries(index.ofDevice(deviceId))),
    expire,
    async health() {
      let problem = lastFailure ?? reader.failure()?.message;
      try {
        const state = await writer.call('state', undefined);
        readings = state.readings;
        problem ??= state.problem;
      } catch (error) {
        problem ??= error instanceof Error ? error.message : String(error);
      }
      const detail = problem ?? `SQLite ${file}, ${queue.waiting()} readings wait to be written`;
      return { ok: problem === undefined, detail, readings, series: index.size() };
    },
    close: () => (closing ??= close()),
  };
}

/** Opens the file in both threads; the writer comes first, because it creates the file. */
async function openFile(
  writer: WorkerHost<WriterOperations>,
  reader: WorkerHost<ReaderOperations>,
  request: WriterOperations['open']['request'],
): Promise<SeriesIndex> {
  const { series, latest, nextId } = await writer.call('open', request);
  await reader.call('open', request.file);
  const index = createSeriesIndex(nextId);
  const latestOf = new Map(latest.map((row) => [row.series, row]));
  for (const row of series) index.load(seriesOf(row, latestOf.get(row.id)));
  return index;
}

function seriesOf(row: SeriesRow, latest: LatestRow | undefined): Series {
  const value_type = row.value_type as ValueType;
  return {
    ...row,
    ...{ value_type, unit: row.unit ?? undefined },
    latest: latest && {
      timestamp: latest.timestamp,
      value: unpackValue(value_type, latest.number ?? 0, latest.text ?? undefined),
      quality: unpackQuality(latest.quality),
    },
  };
}
