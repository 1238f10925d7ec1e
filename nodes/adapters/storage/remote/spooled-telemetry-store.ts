import type { Clock } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type { TelemetryStore, WriteResult } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { createGroupQueue } from '../group-queue.ts';
import { seriesInfo } from '../series-index.ts';
import type { StartThread } from '../worker-host.ts';
import { createAnswering } from './answering.ts';
import { createCommits } from './commits.ts';
import { createCourier } from './courier.ts';
import { maxWrite } from './deliver.ts';
import { createDelivery } from './delivery.ts';
import { createSaving } from './saving.ts';
import { createSeriesRegistry } from './series-registry.ts';
import { createHealth } from './spool-health.ts';
import { openSpool } from './spool.ts';
import { within } from './time-limit.ts';
import { usualTuning, type SpooledStoreTuning } from './tuning.ts';

export interface SpooledStoreOptions extends Partial<SpooledStoreTuning> {
  remote: RemoteDatabase;
  /** Where readings wait while the database is away; `-wal`, `-shm` and `.lock` files stand beside it. */
  file: string;
  /** How much may wait there. */
  maxBytes: number;
  clock: Clock;
  log?: Log;
  /** Starts the worker thread. */
  startThread?: StartThread;
}

/** Readings to write, or work that must not run together with a commit. */
type Task = { readings: readonly Reading[] } | { work: () => Promise<void> };

const nothingDone: WriteResult = { stored: 0, rejected: [] };
/** How long a database may take to end what is under way (ms). */
const endMs = 2_000;

/**
 * A telemetry store in a database elsewhere, with a spool on disk in front of it. A write resolves when the database
 * has it or, while that is away or slow, when the spool has it; what waits is delivered in the order it came. Series
 * and newest readings are in memory and in the spool file.
 * @throws Error that says what is wrong with the spool file
 */
export async function createSpooledTelemetryStore(
  options: SpooledStoreOptions,
): Promise<TelemetryStore> {
  const { remote, file, maxBytes, clock, log, startThread, ...rest } = options;
  const tuning = { ...usualTuning, ...rest };
  let quarantined: string | undefined;
  const putAside = (damaged: string): void => {
    quarantined = damaged;
    log?.error(
      `${file} was damaged; what waited in it for ${remote.name()} is in ${damaged} now, a new file was begun`,
    );
  };
  const { spool, loaded, ...found } = await openSpool({
    ...{ file, maxBytes, clock, startThread },
    onNewFile(damaged) {
      putAside(damaged);
      registry.fileLost();
    },
  });
  if (found.quarantined !== undefined) putAside(found.quarantined);
  const registry = createSeriesRegistry(loaded);
  const { index } = registry;
  let problem: string | undefined;
  const warn = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    if (problem !== message) log?.error(`telemetry spool ${file}: ${message}`);
    problem = message;
  };

  const deliverNext = createDelivery({ remote, spool, registry, log });
  const courier = createCourier({
    clock,
    backOff: { first: tuning.firstRetryMs, most: tuning.lastRetryMs },
    slowMs: tuning.slowMs,
    onLost: (reason) => log?.warn(`${remote.name()} is away, readings wait on disk: ${reason}`),
    onFound: () => log?.info(`${remote.name()} is there; ${spool.level().readings} readings wait`),
    onTrouble: warn,
    async connect() {
      const found = await remote.open();
      await betweenCommits(() => commits.merge(found));
    },
    async deliverNext() {
      const delivered = await deliverNext();
      problem = undefined;
      return delivered;
    },
    isEmpty: () => spool.isEmpty(),
    isNearlyEmpty: () => spool.level().readings <= maxWrite,
  });
  const commits = createCommits({ remote, spool, registry, courier });
  const commit = async (tasks: Task[]): Promise<WriteResult[]> => {
    const [first] = tasks;
    if (!first || !('work' in first))
      return commits.readings(tasks.flatMap((task) => ('readings' in task ? [task.readings] : [])));
    await first.work();
    return [nothingDone];
  };
  const queue = createGroupQueue<Task, WriteResult>({
    maxGroup: tuning.maxCommitReadings,
    maxWaiting: tuning.maxWaitingReadings,
    alone: (task) => 'work' in task,
    async commit(tasks) {
      try {
        const results = await commit(tasks);
        problem = undefined;
        return results;
      } catch (error) {
        warn(error);
        throw error;
      }
    },
  });
  const betweenCommits = async (work: () => Promise<void>): Promise<void> => {
    await queue.add({ work }, 1);
  };
  const answer = createAnswering({
    ...{ remote, spool, registry, courier, clock, limitMs: tuning.queryMs },
  });
  const saving = createSaving({ spool, registry, clock, everyMs: tuning.saveMs, warn });
  await within(clock, tuning.startMs, courier.firstAttempt);

  const health = createHealth({
    ...{ remote, spool, index, courier, clock, maxBytes },
    quarantined: () => quarantined,
    problem: () => problem,
  });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const settled = queue.close().then(() => courier.close());
    await within(clock, tuning.closeMs, settled);
    await within(
      clock,
      endMs,
      remote.close().catch(() => undefined),
    );
    try {
      await saving.finish();
    } finally {
      await spool.close();
    }
  };
  return {
    write: (readings) => queue.add({ readings }, readings.length),
    async query(query) {
      if (closing) throw new Error('the store is closed');
      return answer(query);
    },
    latest: (deviceIds) =>
      [...(deviceIds ? index.of(deviceIds) : index.all())].flatMap((series) =>
        series.latest ? [{ ...seriesInfo(series), ...series.latest }] : [],
      ),
    removeDevice: (deviceId) => betweenCommits(() => commits.change({ removeDevice: deviceId })),
    expire: (times) => betweenCommits(() => commits.change({ expire: times })),
    health,
    close: () => (closing ??= close()),
  };
}
