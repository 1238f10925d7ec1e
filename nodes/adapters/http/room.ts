/** What the calls of a transport may hold in memory together, by the bytes of their bodies. */
export interface Room {
  /**
   * Calls `go` once there is room for a body of this size, at once or later, in the order of asking; it ends the call
   * by `leave`. Calls of a busy connection have little room, so that others need not wait behind them.
   * @param underWay calls that the connection has under way besides this one
   */
  enter(bytes: number, underWay: number, go: (leave: () => void) => void): void;
}

/** A connection with fewer calls under way is not busy. */
const busyCalls = 4;

/** Bytes; a body larger than that is let in alone. */
export interface RoomLimits {
  most: number;
  /** Of busy connections. */
  busy: number;
}

export function createRoom(limits: RoomLimits): Room {
  const [calm, busy] = [createQueue(limits.most), createQueue(limits.busy)];
  return {
    enter: (bytes, underWay, go) => (underWay >= busyCalls ? busy : calm)(bytes, go),
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
