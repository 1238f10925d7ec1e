import type { Clock } from '../core/clock.ts';
import type { Deliveries } from '../core/telemetry/deliveries.ts';
import type { Reading, Rejection } from '../core/telemetry/types.ts';

/** Gathers readings of several messages into one, so that a hop costs once for many. */
export interface TelemetryBatcher {
  /** Adds the readings of one message; `settled` is called once when they are stored, or with an error when not. */
  add(readings: Reading[], settled: (error?: Error) => void): void;
  /** Sends what is waiting now. */
  flush(): void;
}

/** @param limits a batch goes out at `readings` readings or `windowMs` after its first one */
export function createTelemetryBatcher(deps: {
  clock: Clock;
  deliveries: Deliveries;
  source: string;
  transport: string;
  limits: { readings: number; windowMs: number };
  send: (readings: Reading[], delivery: string) => void;
}): TelemetryBatcher {
  const { clock, deliveries, limits } = deps;
  let readings: Reading[] = [];
  let waiting: ((error?: Error) => void)[] = [];
  let cancelTimer: (() => void) | undefined;

  const flush = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (waiting.length === 0) return;
    const batch = readings;
    const settle = waiting;
    readings = [];
    waiting = [];
    const delivery = deliveries.open({
      transport: deps.transport,
      readings: batch.length,
      source: deps.source,
      onSettled: ({ rejected, unsettled }) => {
        const failure = unsettled ? new Error('not stored in time') : storeFailure(rejected);
        for (const done of settle) done(failure);
      },
    });
    deps.send(batch, delivery);
  };

  return {
    add(more, settled) {
      for (const reading of more) readings.push(reading);
      waiting.push(settled);
      if (readings.length >= limits.readings) flush();
      else cancelTimer ??= clock.after(limits.windowMs, flush);
    },
    flush,
  };
}

/** A rejection of the whole delivery (index -1) means the store failed: its messages must not be acknowledged. */
const storeFailure = (rejected: readonly Rejection[]): Error | undefined => {
  const whole = rejected.find(({ index }) => index < 0);
  return whole && new Error(whole.reason);
};
