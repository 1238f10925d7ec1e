import type { Log } from '../../../core/log.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { unpackReadings } from '../packing.ts';
import { applyChange } from './changes.ts';
import { deliver, maxWrite } from './deliver.ts';
import type { Series } from '../series-index.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { RefusedReading, SpoolHead, WaitingChange } from './spool-types.ts';
import type { Spool } from './spool.ts';

/** How often a change is tried that the database refuses for good. */
const maxTries = 3;
/** Causes of refusals that are logged, each once. */
const maxCauses = 50;

/**
 * Brings the first of what waits to the database and then forgets it; false when nothing waits. Rejects with what the
 * database failed with; nothing is forgotten then.
 */
export function createDelivery(options: {
  remote: RemoteDatabase;
  spool: Spool;
  registry: SeriesRegistry;
  log: Log | undefined;
}): () => Promise<boolean> {
  const { remote, spool, registry, log } = options;
  const causes = new Set<string>();
  let failed = { entry: -1, times: 0 };

  const deliverReadings = async (head: SpoolHead): Promise<RefusedReading[]> => {
    const readings: Reading[] = [];
    const refused: RefusedReading[] = [];
    for (const { reading, refusal } of waitingReadings(head, registry))
      if (refusal === undefined) readings.push(reading);
      else refused.push({ reading, reason: refusal });
    for (const [position, reason] of await deliver(remote, readings))
      refused.push({ reading: readings[position] as Reading, reason });
    return refused;
  };
  const deliverChange = async (change: WaitingChange, entry: number): Promise<void> => {
    try {
      await applyChange(remote, change);
    } catch (error) {
      if (error instanceof RemoteUnavailable) throw error;
      failed = { entry, times: failed.entry === entry ? failed.times + 1 : 1 };
      if (failed.times < maxTries) throw error;
      log?.error(
        `${remote.name()} will not do what it was asked to (${JSON.stringify(change)}): ${messageOf(error)}`,
      );
    }
  };
  const tell = (refused: readonly RefusedReading[]): void => {
    for (const { reading, reason } of refused) {
      if (causes.has(reason) || causes.size >= maxCauses) continue;
      causes.add(reason);
      log?.warn(
        `${remote.name()} refuses acknowledged readings, such as ${reading.measurement_type} of ` +
          `${reading.sensor_id ?? reading.device_id}; they are kept aside in the spool file: ${reason}`,
      );
    }
  };

  const deliverHead = async (head: SpoolHead): Promise<void> => {
    if (head.damaged) {
      await spool.setAside(head.last);
      log?.error(
        'readings that waited on disk cannot be read any more; the spool file has them in its table `damaged`',
      );
      return;
    }
    let refused: RefusedReading[] = [];
    if (head.change) await deliverChange(head.change, head.last);
    else refused = await deliverReadings(head);
    await spool.release(head.last, refused);
    tell(refused);
  };

  return async () => {
    const head = await spool.head(maxWrite);
    if (!head) return false;
    await deliverHead(head);
    if (spool.isEmpty()) registry.emptied();
    return true;
  };
}

/** What is said of readings whose series the index of a damaged file has lost. */
const unknownSeries: Pick<Series, 'device_id' | 'sensor_id' | 'measurement_type' | 'unit'> = {
  ...{ device_id: 'unknown', sensor_id: '', measurement_type: 'unknown', unit: undefined },
};

function* waitingReadings(
  { batches }: SpoolHead,
  registry: SeriesRegistry,
): Generator<{ reading: Reading; refusal: string | undefined }> {
  const typeOf = (id: number) => registry.waiting(id)?.series.value_type;
  for (const batch of batches)
    for (const { id, ...rest } of unpackReadings(batch, typeOf)) {
      const owner = registry.waiting(id);
      const { device_id, sensor_id, measurement_type, unit } = owner?.series ?? unknownSeries;
      yield {
        reading: {
          device_id,
          ...(sensor_id && { sensor_id }),
          measurement_type,
          ...(unit !== undefined && { unit }),
          ...rest,
        },
        refusal: owner ? owner.refusal : `the index of the spool does not have its series ${id}`,
      };
    }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
