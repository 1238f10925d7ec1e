import type { Clock } from '../../nodes/core/clock.ts';

export interface FakeClock extends Clock {
  /** Moves time on; what falls due is called in its order, at its own time. */
  advance(ms: number): void;
  /** Sets the clock, as a person or a time server does; no time passes by that. */
  set(now: number): void;
  /** Timers that are set now. */
  pending(): number;
  /** Timers that were set since the start. */
  timersSet(): number;
}

/** @param start milliseconds since the epoch; 2026-01-01T00:00:00Z unless told */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  /** How far the clock was set, in all. */
  let shift = 0;
  let set = 0;
  const timers = new Map<number, { at: number; fn: () => void }>();

  const nextDue = (until: number): [number, { at: number; fn: () => void }] | undefined => {
    let next: [number, { at: number; fn: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].at <= until && (!next || entry[1].at < next[1].at)) next = entry;
    }
    return next;
  };

  return {
    now: () => now + shift,
    elapsed: () => now - start,
    after(ms, fn) {
      const id = ++set;
      timers.set(id, { at: now + ms, fn });
      return () => {
        timers.delete(id);
      };
    },
    advance(ms) {
      const end = now + ms;
      for (let due = nextDue(end); due; due = nextDue(end)) {
        timers.delete(due[0]);
        now = Math.max(now, due[1].at);
        due[1].fn();
      }
      now = end;
    },
    set(to) {
      shift = to - now;
    },
    pending: () => timers.size,
    timersSet: () => set,
  };
}
