import type { Clock } from '../../../core/clock.ts';
import type { SpoolState, StoreHealth } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { SeriesIndex } from '../series-index.ts';
import type { Courier, LinkState } from './courier.ts';
import type { Spool } from './spool.ts';
import { within } from './time-limit.ts';

/** How long the database may take to count its readings (ms). */
const countMs = 2_000;

/**
 * Says how the store is. What is being delivered may be counted twice, by the database and as waiting.
 * @param options `quarantined` is where a damaged spool went; `problem` what a commit failed with last
 */
export function createHealth(options: {
  remote: RemoteDatabase;
  spool: Spool;
  index: SeriesIndex;
  courier: Courier;
  clock: Clock;
  maxBytes: number;
  quarantined: () => string | undefined;
  problem: () => string | undefined;
}): () => Promise<StoreHealth> {
  const { remote, spool, index, courier, clock, maxBytes, quarantined, problem } = options;
  let stored = 0;

  const count = async (): Promise<string | undefined> => {
    try {
      const counted = await within(clock, countMs, remote.count());
      if (counted === 'late') return `no answer in ${countMs} ms`;
      stored = counted.value ?? stored;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  return async () => {
    const uncounted = courier.state().connected ? await count() : undefined;
    const link = courier.state();
    const failure = problem() ?? spool.failure()?.message ?? uncounted;
    const { readings, bytes, oldest, refused } = spool.level();
    const state: SpoolState = {
      ...{ readings, bytes, max_bytes: maxBytes, refused },
      ...(oldest !== undefined && { oldest }),
    };
    const aside = quarantined();
    const damage = aside && `a damaged spool was put aside: ${aside}`;
    const detail = describeLink(remote.name(), link, state);
    return {
      ok: link.connected && failure === undefined,
      detail: [detail, failure, damage].filter((part) => part !== undefined).join('; '),
      readings: stored + readings,
      series: index.size(),
      spool: state,
    };
  };
}

/** How it stands with a database elsewhere and what waits for it, for people. */
function describeLink(
  name: string,
  { connected, since, reason }: LinkState,
  { readings, bytes, max_bytes, refused }: SpoolState,
): string {
  const away = `${name}, away since ${new Date(since).toISOString()}: ${reason ?? 'not connected yet'}`;
  const size = bytes > 0 ? ` (${formatBytes(bytes)} of ${formatBytes(max_bytes)})` : '';
  const waiting = `${formatCount(readings)} readings${size} wait on disk`;
  const aside =
    refused > 0 ? `; ${formatCount(refused)} readings were refused and are kept aside` : '';
  return `${connected ? name : away}; ${waiting}${aside}`;
}

const formatCount = (count: number): string => count.toLocaleString('en-US');

function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}
