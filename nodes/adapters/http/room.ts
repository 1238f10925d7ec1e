/** What the calls of a transport may hold in memory together, by the bytes of their bodies. */
export interface Room {
  /** Calls `go` once there is room for a body of this size, at once or later, in the order of asking. */
  enter(bytes: number, go: () => void): void;
  /** Gives the room back when the call has ended. */
  leave(bytes: number): void;
}

/** @param most bytes; a body larger than that is let in alone */
export function createRoom(most: number): Room {
  let taken = 0;
  let waiting: { bytes: number; go: () => void }[] = [];

  const fits = (bytes: number): boolean => taken === 0 || taken + bytes <= most;
  const letIn = (): void => {
    let next = 0;
    for (const { bytes, go } of waiting) {
      if (!fits(bytes)) break;
      next += 1;
      taken += bytes;
      setImmediate(go);
    }
    if (next > 0) waiting = waiting.slice(next);
  };

  return {
    enter(bytes, go) {
      if (waiting.length > 0 || !fits(bytes)) {
        waiting.push({ bytes, go });
        return;
      }
      taken += bytes;
      go();
    },
    leave(bytes) {
      taken -= bytes;
      letIn();
    },
  };
}
