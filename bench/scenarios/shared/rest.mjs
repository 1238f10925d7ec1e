// A process that has nothing to do any more.
import { setTimeout as pause } from 'node:timers/promises';

/** A share of one core that cannot be told from nothing. */
export const unmeasurable = 0.005;

const quietMs = 2_000;
const mostWaits = 15;

/**
 * Lets what came before end: compiling, and the last collection of the garbage of a start.
 * @param {number} restMs @param {() => number} cpuMs what was used so far
 */
export async function settle(restMs, cpuMs) {
  await pause(restMs);
  for (let i = 0; i < mostWaits; i++) {
    const before = cpuMs();
    await pause(Math.min(restMs, quietMs));
    if (cpuMs() - before < quietMs * unmeasurable) return;
  }
}
