import type { Log } from '../../core/log.ts';

/**
 * A log for what clients cause: at most `perMinute` warnings a minute, so that a hostile client cannot fill a
 * disk. What was left out is counted in the next line that is written.
 */
export function createThrottledWarn(log: Log, perMinute = 30): (text: string) => void {
  let windowStart = 0;
  let written = 0;
  let leftOut = 0;
  return (text) => {
    const now = performance.now();
    if (windowStart === 0 || now - windowStart >= 60_000) {
      windowStart = now;
      written = 0;
    }
    if (written >= perMinute) {
      leftOut++;
      return;
    }
    written++;
    // Clients choose part of the text: one line stays one line.
    const line = text.replace(/\p{Cc}+/gu, ' ').slice(0, 500);
    log.warn(leftOut > 0 ? `${line} (and ${leftOut} more like it before)` : line);
    leftOut = 0;
  };
}
