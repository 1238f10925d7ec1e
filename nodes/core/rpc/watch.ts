import type { Transport } from './types.ts';

/** A call that begins, as much of it as may be told: never its params. */
export interface BegunCall {
  method: string;
  transport: Transport;
  /** The caller wants no answer. */
  notification: boolean;
  principal?: string;
  /** What program the caller says it is. */
  agent?: string;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/** A call under way that is watched. */
export interface WatchedCall {
  /** The place in the trace for what happens within the call. */
  traceparent?: string;
  /** Told once how it ended. */
  ended(error?: { code: number }): void;
}

/** Told of every call that begins, known or not, admitted or not. */
export type WatchCalls = (call: BegunCall) => WatchedCall;
