/**
 * Bounds what all clients together have sent and the hub has not settled yet. A client that sends much at a time has
 * a lower bound than others: what waits in front of a message decides how long it takes, and a client that sends one
 * now and then must not wait behind those who flood.
 */
export interface InFlight {
  /** A message came in. */
  add(bytes: number): void;
  /** It was settled. */
  remove(bytes: number): void;
  /**
   * Whether a client may be read now; if not, `resume` is called once there is room again.
   * @param busy whether it sent much when it was read last
   */
  mayRead(busy: boolean, resume: () => void): boolean;
  /** No client is read any more. */
  pause(): void;
}

/** What may be in flight before sockets are no longer read; one read of each socket comes on top. */
export interface InFlightLimits {
  messages: number;
  bytes: number;
  /** For clients that send much at a time. */
  busyMessages: number;
}

export function createInFlight(limits: InFlightLimits): InFlight {
  let messages = 0;
  let bytes = 0;
  const waiting = { busy: [] as (() => void)[], calm: [] as (() => void)[] };
  let resuming = false;
  let paused = false;

  const isFull = (most: number, share = 1): boolean =>
    paused || messages >= most * share || bytes >= limits.bytes * share;
  const resumeSome = (kind: 'busy' | 'calm', most: number): void => {
    let next = 0;
    while (next < waiting[kind].length && !isFull(most)) waiting[kind][next++]?.();
    waiting[kind] = waiting[kind].slice(next);
  };
  const resume = (): void => {
    resuming = false;
    resumeSome('calm', limits.messages);
    resumeSome('busy', limits.busyMessages);
  };

  return {
    add(size) {
      messages += 1;
      bytes += size;
    },
    remove(size) {
      messages -= 1;
      bytes -= size;
      const most = waiting.calm.length > 0 ? limits.messages : limits.busyMessages;
      // Some way below the limit, so that reading does not stop and start with every message.
      const isNoUse = waiting.calm.length + waiting.busy.length === 0 || isFull(most, 0.75);
      if (resuming || isNoUse) return;
      resuming = true;
      setImmediate(resume);
    },
    mayRead(busy, then) {
      if (!isFull(busy ? limits.busyMessages : limits.messages)) return true;
      waiting[busy ? 'busy' : 'calm'].push(then);
      return false;
    },
    pause() {
      paused = true;
    },
  };
}
