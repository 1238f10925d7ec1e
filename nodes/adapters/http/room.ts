import type { Principal } from '../../core/security/types.ts';

/** What the calls of a transport may hold in memory together, by the bytes of their bodies. */
export interface Room {
  /**
   * Calls `go` once there is room for a body of this size, at once or later, in the order of asking; it ends the call
   * by `leave`. Calls of busy connections have little room, so that others need not wait behind them.
   */
  enter(bytes: number, isFlood: boolean, go: (leave: () => void) => void): void;
}

/** Bytes; a body larger than that is let in alone. */
export interface RoomLimits {
  most: number;
  /** Of busy connections. */
  busy: number;
}

/** A connection with fewer calls under way is not busy. */
const busyCalls = 4;

/**
 * Whether a connection floods: a device only reports, and is answered soon. Who commands devices may have many calls
 * under way that wait for them and hold nobody up.
 * @param underWay calls besides the one in question
 */
export const isBusy = (underWay: number, principal: Principal | undefined): boolean =>
  underWay >= busyCalls && (principal === undefined || principal.role === 'device');

export function createRoom(limits: RoomLimits): Room {
  const [calm, busy] = [createQueue(limits.most), createQueue(limits.busy)];
  return {
    enter: (bytes, isFlood, go) => (isFlood ? busy : calm)(bytes, go),
  };
}

function createQueue(most: number): (bytes: number, go: (leave: () => void) => void) => void {
  let taken = 0;
  let waiting: { bytes: number; go: (leave: () => void) => void }[] = [];

  const fits = (bytes: number): boolean => taken === 0 || taken + bytes <= most;
  const leaving = (bytes: number) => (): void => {
    taken -= bytes;
    letIn();
  };
  const letIn = (): void => {
    let next = 0;
    for (const { bytes, go } of waiting) {
      if (!fits(bytes)) break;
      next += 1;
      taken += bytes;
      setImmediate(go, leaving(bytes));
    }
    if (next > 0) waiting = waiting.slice(next);
  };

  return (bytes, go) => {
    if (waiting.length > 0 || !fits(bytes)) {
      waiting.push({ bytes, go });
      return;
    }
    taken += bytes;
    go(leaving(bytes));
  };
}
