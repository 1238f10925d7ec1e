import type { RemoteSeries } from '../../../core/telemetry/remote.ts';
import { createSeriesIndex, type Series, type SeriesIndex } from '../series-index.ts';
import { forgets } from './changes.ts';
import type { LoadedSpool, EnteredChange, SpooledSeries } from './spool-types.ts';

/** The series the hub knows, and what of them the spool file has to know. */
export interface SeriesRegistry {
  readonly index: SeriesIndex;
  /** Readings of these series are going to wait; gives what the file does not know of them yet. */
  waits(owners: ReadonlySet<Series>, changed: readonly Series[]): SpooledSeries[];
  /** The file knows this of these series now. */
  kept(series: readonly SpooledSeries[]): void;
  /** The newest readings of these series may be others now. */
  touched(owners: ReadonlySet<Series>): void;
  /** The series of readings that wait. */
  waiting(id: number): SpooledSeries | undefined;
  /** Nothing waits any more. */
  emptied(): void;
  /** The file is a new one, which knows nothing. */
  fileLost(): void;
  /** Forgets series; gives their ids. */
  remove(series: readonly Series[]): number[];
  /**
   * Brings in the series the database has, except those that `changes` will remove from it. Series it does not have and
   * of which nothing waits are forgotten. Gives the ids of those.
   */
  merge(found: readonly RemoteSeries[], changes: readonly EnteredChange[]): number[];
  /** The ids of series of which the file does not know everything yet. */
  unsaved(): number[];
  /** What the file has to know of these series, if it still has to. */
  rows(ids: readonly number[]): SpooledSeries[];
}

export function createSeriesRegistry({
  series: loaded,
  nextId,
  level,
}: LoadedSpool): SeriesRegistry {
  const index = createSeriesIndex(nextId);
  const inFile = new Set<number>();
  const waiting = new Map<number, SpooledSeries>();
  const unsaved = new Map<number, SpooledSeries>();
  for (const one of loaded) {
    inFile.add(one.series.id);
    if (level.entries > 0) waiting.set(one.series.id, one);
    if (!one.removed) index.load(one.series);
  }
  const live = (series: Series): SpooledSeries => ({ series, removed: false });
  const remove = (series: readonly Series[]): number[] =>
    series.map((one) => {
      index.delete(one);
      unsaved.delete(one.id);
      return one.id;
    });

  /** The database has a series under this name already, of another type. */
  const displace = (series: Series, stored: string): void => {
    remove([series]);
    if (!waiting.has(series.id)) return;
    const refusal = `${series.measurement_type} is stored as ${stored}; the value is a ${series.value_type}`;
    const displaced = { series, removed: true, refusal };
    waiting.set(series.id, displaced);
    unsaved.set(series.id, displaced);
  };
  const bringIn = (found: RemoteSeries): Series => {
    let series = index.find(found);
    if (series && series.value_type !== found.value_type) {
      displace(series, found.value_type);
      series = undefined;
    }
    series ??= index.add(found);
    const waits = waiting.has(series.id);
    series.unit = waits ? (series.unit ?? found.unit) : (found.unit ?? series.unit);
    // With nothing waiting, the database knows best: what it refused is not the newest reading.
    const known = waits ? (series.latest?.timestamp ?? -Infinity) : -Infinity;
    if (found.latest && found.latest.timestamp > known) series.latest = found.latest;
    unsaved.set(series.id, live(series));
    return series;
  };

  return {
    index,
    waits(owners, changed) {
      for (const series of owners) waiting.set(series.id, live(series));
      const needed = new Set(changed);
      for (const series of owners) if (!inFile.has(series.id)) needed.add(series);
      return [...needed].map(live);
    },
    kept(series) {
      for (const one of series) {
        const { id } = one.series;
        inFile.add(id);
        if (unsaved.get(id) === one) unsaved.delete(id);
      }
    },
    touched(owners) {
      for (const series of owners) if (index.has(series)) unsaved.set(series.id, live(series));
    },
    waiting: (id) => waiting.get(id),
    emptied() {
      waiting.clear();
      for (const { series, removed } of unsaved.values()) if (removed) unsaved.delete(series.id);
    },
    fileLost() {
      inFile.clear();
      waiting.clear();
      for (const series of index.all()) unsaved.set(series.id, live(series));
    },
    remove,
    merge(found, changes) {
      const listed = new Set<Series>();
      for (const one of found)
        if (!changes.some(({ change }) => forgets(change, one))) listed.add(bringIn(one));
      return remove(
        [...index.all()].filter((series) => !listed.has(series) && !waiting.has(series.id)),
      );
    },
    unsaved: () => [...unsaved.keys()],
    rows: (ids) => ids.flatMap((id) => unsaved.get(id) ?? []),
  };
}
