import type { WriteResult } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, RemoteSeries } from '../../../core/telemetry/remote.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { placeReadings, type PlacedReadings } from '../place-readings.ts';
import type { Series } from '../series-index.ts';
import { applyChange, forgets } from './changes.ts';
import type { Courier } from './courier.ts';
import { writeAll, type Refusals } from './deliver.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { WaitingChange } from './spool-types.ts';
import type { Spool } from './spool.ts';

/** What changes the store, one after the other; durable in the database or in the spool when it resolves. */
export interface Commits {
  /** The readings of several calls; gives what each call is told. */
  readings(calls: readonly (readonly Reading[])[]): Promise<WriteResult[]>;
  change(change: WaitingChange): Promise<void>;
  /** Brings in the series the database has. */
  merge(found: readonly RemoteSeries[]): Promise<void>;
}

export function createCommits(parts: {
  remote: RemoteDatabase;
  spool: Spool;
  registry: SeriesRegistry;
  courier: Courier;
}): Commits {
  const { remote, spool, registry, courier } = parts;
  const { index } = registry;

  const sendNow = async (readings: readonly Reading[]): Promise<Refusals | undefined> => {
    try {
      return (await courier.direct(() => writeAll(remote, readings)))?.value;
    } catch (error) {
      courier.lost(error);
      return undefined;
    }
  };
  const store = async (placed: PlacedReadings, touched: ReadonlySet<Series>): Promise<void> => {
    const { accepted, owners, changed } = placed;
    const refused = await sendNow(accepted);
    if (refused) {
      placed.applied(refused);
      return;
    }
    const series = registry.waits(touched, changed);
    await spool.append(series, accepted, owners);
    registry.kept(series);
    placed.applied();
    courier.wake();
  };

  return {
    async readings(calls) {
      const placed = placeReadings(index, calls);
      if (placed.accepted.length === 0) return placed.results;
      const touched = new Set(placed.owners);
      try {
        await store(placed, touched);
      } catch (error) {
        placed.undo();
        throw error;
      }
      registry.touched(touched);
      return placed.results;
    },
    async change(change) {
      const done = await courier.direct(() => applyChange(remote, change));
      const forgotten = [...index.all()].filter((series) => forgets(change, series));
      const ids = forgotten.map(({ id }) => id);
      if (done) await spool.forget(ids);
      else await spool.appendChange(change, ids);
      registry.remove(forgotten);
      courier.wake();
    },
    async merge(found) {
      await spool.forget(registry.merge(found, spool.changes()));
    },
  };
}
