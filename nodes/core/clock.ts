/** Time as the core sees it. Real time comes from the hub, a fake one from the tests. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since some moment: for how long something takes, as it never jumps when the clock is set. */
  elapsed(): number;
  /** Calls `fn` once after `ms` milliseconds; the answer cancels it. Never keeps a process alive. */
  after(ms: number, fn: () => void): () => void;
}
