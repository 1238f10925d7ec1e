import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import { expiryTimes, forgets, type Retention } from '../core/telemetry/retention.ts';

const soonMs = 60_000;
const everyMs = 3_600_000;

/** Has a store forget what is too old, a minute after the start and then each hour; the answer ends that. */
export function keepRetention(deps: {
  store: TelemetryStore;
  retention: Retention;
  clock: Clock;
  log: Log;
}): () => void {
  const { store, retention, clock, log } = deps;
  if (!forgets(retention)) return () => undefined;
  let ended = false;
  const expire = async (): Promise<void> => {
    try {
      await store.expire(expiryTimes(retention, clock.now()));
    } catch (error) {
      log.error(`readings that are too old are still there: ${String(error)}`);
    }
    if (!ended) cancel = clock.after(everyMs, () => void expire());
  };
  let cancel = clock.after(soonMs, () => void expire());
  return () => {
    ended = true;
    cancel();
  };
}
