/** What the connections of one principal have sent in this second. */
export interface Pace {
  second: number;
  messages: number;
  bytes: number;
  /** The last second in which it was slowed, and how many there were without a pause. */
  slowedIn: number;
  slowedFor: number;
}

export interface PaceLimits {
  /** Of one principal in a second. */
  messages: number;
  bytes: number;
  /** After so many seconds in a row over the limit a connection is cut. */
  patienceSeconds: number;
}

/**
 * Bounds what each principal publishes. It is asked for every message, so it only counts: what second it is, a timer
 * tells it.
 */
export interface Paces {
  /** The pace of a principal, shared by its connections; to be left when the connection ends. */
  enter(principalId: string): Pace;
  leave(principalId: string): void;
  /** Counts a message; false when it is one too many. */
  count(pace: Pace, bytes: number): boolean;
  /**
   * `no`: nothing is to be read before `resume` is called, in the next second; `cut`: it has been so for too long.
   */
  mayRead(pace: Pace, resume: () => void): 'yes' | 'no' | 'cut';
  /** Another second begins. */
  tick(): void;
}

export function createPaces(limits: PaceLimits, onSlowed: (principalId: string) => void): Paces {
  const paces = new Map<string, { pace: Pace; connections: number }>();
  const names = new WeakMap<Pace, string>();
  let second = 1;
  let waiting: (() => void)[] = [];

  const isOver = (pace: Pace): boolean =>
    pace.second === second && (pace.messages >= limits.messages || pace.bytes >= limits.bytes);

  return {
    enter(principalId) {
      let entry = paces.get(principalId);
      if (!entry) {
        const pace = { second: 0, messages: 0, bytes: 0, slowedIn: 0, slowedFor: 0 };
        entry = { pace, connections: 0 };
        paces.set(principalId, entry);
        names.set(pace, principalId);
      }
      entry.connections += 1;
      return entry.pace;
    },
    leave(principalId) {
      const entry = paces.get(principalId);
      if (entry && --entry.connections === 0) paces.delete(principalId);
    },
    count(pace, bytes) {
      if (pace.second !== second) {
        pace.second = second;
        pace.messages = 0;
        pace.bytes = 0;
      }
      pace.messages += 1;
      pace.bytes += bytes;
      return pace.messages <= limits.messages && pace.bytes <= limits.bytes;
    },
    mayRead(pace, resume) {
      if (!isOver(pace)) return 'yes';
      if (pace.slowedIn !== second) {
        pace.slowedFor = pace.slowedIn === second - 1 ? pace.slowedFor + 1 : 1;
        pace.slowedIn = second;
        onSlowed(names.get(pace) ?? '');
      }
      if (pace.slowedFor > limits.patienceSeconds) return 'cut';
      waiting.push(resume);
      return 'no';
    },
    tick() {
      second += 1;
      const due = waiting;
      waiting = [];
      for (const resume of due) resume();
    },
  };
}
