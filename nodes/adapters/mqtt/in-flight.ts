/** Bounds what all clients together have sent and the hub has not settled yet. */
export interface InFlight {
  /** A message came in. */
  add(bytes: number): void;
  /** It was settled. */
  remove(bytes: number): void;
  /** Whether a client may be read now; if not, `resume` is called once there is room again. */
  mayRead(resume: () => void): boolean;
  /** No client is read any more. */
  pause(): void;
}

/** @param limits what may be in flight before sockets are no longer read; one read of each socket comes on top */
export function createInFlight(limits: { messages: number; bytes: number }): InFlight {
  let messages = 0;
  let bytes = 0;
  let waiting: (() => void)[] = [];
  let resuming = false;
  let paused = false;

  const isFull = (share = 1): boolean =>
    paused || messages >= limits.messages * share || bytes >= limits.bytes * share;
  const resumeSome = (): void => {
    resuming = false;
    let next = 0;
    while (next < waiting.length && !isFull()) waiting[next++]?.();
    waiting = waiting.slice(next);
  };

  return {
    add(size) {
      messages += 1;
      bytes += size;
    },
    remove(size) {
      messages -= 1;
      bytes -= size;
      // Some way below the limit, so that reading does not stop and start with every message.
      if (waiting.length === 0 || resuming || isFull(0.75)) return;
      resuming = true;
      setImmediate(resumeSome);
    },
    mayRead(resume) {
      if (!isFull()) return true;
      waiting.push(resume);
      return false;
    },
    pause() {
      paused = true;
    },
  };
}
