import type { Clock } from '../../../core/clock.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { Spool } from './spool.ts';

/** Series that are handed to the other thread at once, which holds up this one. */
const savedAtOnce = 1_000;

/** Brings the index of series in the spool file up to date from time to time. */
export interface Saving {
  /** Does so for the last time. */
  finish(): Promise<void>;
}

/** @param options `warn` is told when that failed; it is tried again */
export function createSaving(options: {
  spool: Spool;
  registry: SeriesRegistry;
  clock: Clock;
  everyMs: number;
  warn: (error: unknown) => void;
}): Saving {
  const { spool, registry, clock, everyMs, warn } = options;
  let finished = false;
  let cancel = (): void => undefined;

  const save = async (): Promise<void> => {
    const ids = registry.unsaved();
    const indexedTo = spool.level().newest;
    for (let from = 0; from < ids.length && !spool.failure(); from += savedAtOnce) {
      const series = registry.rows(ids.slice(from, from + savedAtOnce));
      const isLast = from + savedAtOnce >= ids.length;
      await spool.save(series, isLast ? indexedTo : undefined);
      registry.kept(series);
    }
  };
  const saveLater = (): void => {
    if (finished) return;
    cancel = clock.after(everyMs, () => void save().catch(warn).finally(saveLater));
  };
  saveLater();

  return {
    finish() {
      finished = true;
      cancel();
      return save();
    },
  };
}
