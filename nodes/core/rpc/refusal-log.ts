import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

const quietMs = 10_000;
/** Whoever varies what they do wrong must not fill the memory either. */
const maxKinds = 1000;
const longestLine = 300;

/** Says that something was refused, once per kind and ten seconds, with how often it happened meanwhile. */
export function createRefusalLog(deps: {
  clock: Clock;
  log: Log;
}): (kind: string, text: string) => void {
  const { clock, log } = deps;
  const kinds = new Map<string, { since: number; unsaid: number }>();
  return (kind, text) => {
    const now = clock.now();
    const known = kinds.get(kind);
    if (known && now - known.since < quietMs) {
      known.unsaid += 1;
      return;
    }
    if (kinds.size >= maxKinds) kinds.clear();
    kinds.set(kind, { since: now, unsaid: 0 });
    const more = known && known.unsaid > 0 ? ` (and ${known.unsaid} more like it)` : '';
    const line = text.replace(/\p{Cc}/gu, ' ').slice(0, longestLine);
    log.warn(`${line}${more}`);
  };
}
