import type { Log } from '../../../core/log.ts';
import type { TelemetryStore, WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { createGroupQueue } from '../group-queue.ts';
import { transferOfReadings } from '../packing.ts';
import { seriesInfo } from '../series-index.ts';
import type { StartThread } from '../worker-host.ts';
import { checkTelemetry, copyTelemetry, type CaretakerOptions } from './caretaker.ts';
import { expireReadings, removeSeries, type BetweenCommits } from './expire-readings.ts';
import { packCommit } from './pack-commit.ts';
import { superviseTelemetry } from './telemetry-supervisor.ts';
import { openTelemetry } from './telemetry-threads.ts';

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
  /** Most pages of 4 KiB the file may have; absent: as many as the disk has room for. */
  maxPages?: number;
  /** Nothing is stored while the disk has less room left besides what the file's log needs. Default 8 MiB. */
  leastRoomBytes: number;
  /** Files up to this size are checked when they are opened, larger ones while they are in use. Default 64 MiB. */
  checkUpToBytes: number;
}

const usualTuning: SqliteTelemetryTuning = {
  moveAtRows: 150_000,
  moveWhenIdleMs: 2_000,
  rollUpEveryMs: 30_000,
  maxCommitReadings: 20_000,
  maxWaitingReadings: 500_000,
  leastRoomBytes: 8 * 2 ** 20,
  checkUpToBytes: 64 * 2 ** 20,
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

/**
 * A telemetry store in one SQLite file. One thread writes: calls that come while a commit is under way share the next
 * one, and a call resolves when its readings are on disk. Another thread reads. A thread that ends is started again.
 * Series and newest readings are in memory. A series keeps the value type of its first reading, others are rejected; its unit is the one written last.
 * @throws Error that says what is wrong with the file
 */
export async function createSqliteTelemetryStore(
  options: SqliteTelemetryOptions,
): Promise<TelemetryStore> {
  const { file, log, startThread, ...tuning } = options;
  const { maxCommitReadings, maxWaitingReadings, ...fileTuning } = { ...usualTuning, ...tuning };
  const supervisor = await superviseTelemetry({
    ...{ name: `telemetry store ${file}`, log },
    open: (onFailure, damage) =>
      openTelemetry(
        { file, ...fileTuning, ...(damage !== undefined && { damage }) },
        onFailure,
        startThread,
      ),
  });
  let lastFailure: string | undefined;

  const commitWrites = (calls: readonly (readonly Reading[])[]): Promise<WriteResult[]> =>
    supervisor.use(async ({ index, writer }) => {
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
    });
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
        // What the supervisor deals with is over when the file is open again.
        const message = supervisor.problem() === undefined ? messageOf(error) : undefined;
        if (message !== undefined && lastFailure !== message)
          log?.error(`telemetry store ${file}: ${message}`);
        lastFailure = message;
        throw error;
      }
    },
  });

  const betweenCommits: BetweenCommits = async (work) => {
    await queue.add({ work: () => supervisor.use(work) }, 1);
  };

  let readings = 0;
  const state = async (): Promise<string | undefined> => {
    if (supervisor.problem() !== undefined) return supervisor.problem();
    try {
      const state = await supervisor.use(({ writer }) => writer.call('state', undefined));
      readings = state.readings;
      return lastFailure ?? state.problem;
    } catch (error) {
      return lastFailure ?? messageOf(error);
    }
  };
  const ending = new AbortController();
  const beside = new Set<Promise<void>>();
  /** What is done with the file beside its use; it ends when the store is closed. */
  const doBeside = async (work: (options: CaretakerOptions) => Promise<void>): Promise<void> => {
    const done = supervisor.use(() => work({ file, signal: ending.signal, startThread }));
    beside.add(done);
    await done.finally(() => beside.delete(done));
  };
  if (!supervisor.last().isChecked) doBeside(checkTelemetry).catch(() => undefined);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    ending.abort(new Error('the store is closed'));
    await Promise.allSettled(beside);
    await queue.close();
    await supervisor.close();
  };

  return {
    write: (batch) => queue.add({ readings: batch }, batch.length),
    query: (query) => supervisor.use((opened) => opened.query(query)),
    latest(deviceIds) {
      const { index } = supervisor.last();
      return [...(deviceIds ? index.of(deviceIds) : index.all())].flatMap((series) =>
        series.latest ? [{ ...seriesInfo(series), ...series.latest }] : [],
      );
    },
    removeDevice: (deviceId) =>
      betweenCommits((opened) => removeSeries(opened, opened.index.ofDevice(deviceId))),
    backup: (copy) => doBeside((options) => copyTelemetry(copy, options)),
    expire: (times) => expireReadings(times, supervisor.last().index, betweenCommits),
    async health() {
      const problem = await state();
      const detail = problem ?? `SQLite ${file}, ${queue.waiting()} readings wait to be written`;
      return {
        ok: problem === undefined,
        detail: [detail, ...supervisor.notes()].join('; '),
        readings,
        series: supervisor.last().index.size(),
      };
    },
    close: () => (closing ??= close()),
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
