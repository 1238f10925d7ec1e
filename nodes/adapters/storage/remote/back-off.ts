/** How long to wait between attempts (ms). */
export interface BackOffTiming {
  first: number;
  most: number;
}

/** Waits that double from attempt to attempt, each by chance up to a third shorter. */
export interface BackOff {
  next(): number;
  /** The longest wait, for what only a person can change. */
  longest(): number;
  reset(): void;
}

export function createBackOff({ first, most }: BackOffTiming): BackOff {
  let wait = first;
  const jittered = (ms: number): number => ms * (1 - Math.random() / 3);
  return {
    next() {
      const now = jittered(wait);
      wait = Math.min(most, wait * 2);
      return now;
    },
    longest: () => jittered(most),
    reset() {
      wait = first;
    },
  };
}
