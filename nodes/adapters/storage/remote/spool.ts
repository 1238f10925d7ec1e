import type { Clock } from '../../../core/clock.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { packReadings, transferOfReadings, type PackedReadings } from '../packing.ts';
import type { Series } from '../series-index.ts';
import type { StartThread } from '../worker-host.ts';
import { startSpoolThread } from './spool-thread.ts';
import type {
  EnteredChange,
  LoadedSpool,
  RefusedReading,
  ScannedBatch,
  ScannedReadings,
  SpooledSeries,
  SpoolHead,
  SpoolLevel,
  WaitingChange,
} from './spool-types.ts';

/** Readings of one entry: what is sent to the database at once is put together from whole entries. */
const entryReadings = 5_000;
/** Waiting readings that one answer may need. */
const maxScanned = 500_000;

/** The disk spool as seen from the hub's thread. Calls are done in their order. */
export interface Spool {
  append(
    series: SpooledSeries[],
    readings: readonly Reading[],
    owners: readonly Series[],
  ): Promise<void>;
  appendChange(change: WaitingChange, removed: number[]): Promise<void>;
  head(maxReadings: number): Promise<SpoolHead | undefined>;
  release(last: number, refused: RefusedReading[]): Promise<void>;
  /** Keeps the first entry apart, because it cannot be read any more. */
  setAside(id: number): Promise<void>;
  /** Brings the index in the file up to date; when told, it knows all readings up to an entry then. */
  save(series: SpooledSeries[], indexedTo?: number): Promise<void>;
  forget(series: number[]): Promise<void>;
  /** Waiting readings of these series in [start, end), in the order they came; undefined when they are too many. */
  scan(series: number[], start: number, end: number): Promise<ScannedBatch[] | undefined>;
  level(): SpoolLevel;
  /** Nothing waits, and nothing is about to. */
  isEmpty(): boolean;
  /** Changes that wait, with the ids of their entries. */
  changes(): readonly EnteredChange[];
  failure(): Error | undefined;
  close(): Promise<void>;
}

/** `quarantined` is where a damaged file went. @throws Error that says what is wrong with the file */
export async function openSpool(options: {
  file: string;
  maxBytes: number;
  clock: Clock;
  startThread: StartThread | undefined;
  /** A damaged file was put aside while it was in use. */
  onNewFile: (quarantined: string) => void;
}): Promise<{ spool: Spool; loaded: LoadedSpool; quarantined?: string }> {
  const { clock, onNewFile, ...rest } = options;
  const { thread, opened } = await startSpoolThread({
    ...rest,
    clock,
    newest: () => level.newest,
    onReopened({ loaded, quarantined }) {
      ({ level, changes } = loaded);
      if (quarantined !== undefined) onNewFile(quarantined);
    },
  });
  let { level, changes } = opened.loaded;
  let appending = 0;

  const put = async (work: () => Promise<SpoolLevel>): Promise<void> => {
    appending += 1;
    try {
      level = await work();
    } finally {
      appending -= 1;
    }
  };
  const spool: Spool = {
    append(series, readings, owners) {
      const batches: PackedReadings[] = [];
      for (let from = 0; from < readings.length; from += entryReadings) {
        const to = from + entryReadings;
        batches.push(packReadings(readings.slice(from, to), owners.slice(from, to)));
      }
      const request = { series, batches, at: clock.now() };
      return put(() => thread.call('append', request, batches.flatMap(transferOfReadings)));
    },
    async appendChange(change, removed) {
      await put(() => thread.call('appendChange', { change, removed, at: clock.now() }));
      changes = [...changes, { id: level.newest, change }];
    },
    head: (maxReadings) => thread.call('head', maxReadings),
    async release(last, refused) {
      level = await thread.call('release', { last, refused, at: clock.now() });
      changes = changes.filter(({ id }) => id > last);
    },
    async setAside(id) {
      level = await thread.call('setAside', id);
    },
    save: (series, indexedTo) =>
      thread.call('save', { series, ...(indexedTo !== undefined && { indexedTo }) }),
    forget: (series) => thread.call('forget', series),
    async scan(series, start, end) {
      const batches: ScannedBatch[] = [];
      let count = 0;
      for (let after: number | undefined = 0; after !== undefined;) {
        const found: ScannedReadings = await thread.call('scan', { series, start, end, after });
        for (const { readings } of found.batches) count += readings.series.length;
        if (count > maxScanned) return undefined;
        batches.push(...found.batches);
        after = found.next;
      }
      return batches;
    },
    level: () => level,
    isEmpty: () => level.entries === 0 && appending === 0,
    changes: () => changes,
    failure: () => thread.failure(),
    close: () => thread.close(),
  };
  return { spool, ...opened };
}
