import type { Clock } from '../core/clock.ts';
import type { Deliveries } from '../core/telemetry/deliveries.ts';
import type { Reading, Rejection } from '../core/telemetry/types.ts';
import type { InboundMessage } from '../core/topic/ports.ts';

/** Gathers readings of several messages into one, so that a hop costs once for many. */
export interface TelemetryBatcher {
  /** Adds the readings of one message; `settled` is called once when they are stored, or with an error when not. */
  add(message: InboundMessage, readings: Reading[], settled: (error?: Error) => void): void;
  /** Forgets the messages that the store does not have yet, and answers with them. */
  takeBack(): InboundMessage[];
}

interface Waiting {
  message: InboundMessage;
  settled: (error?: Error) => void;
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
  let waiting: Waiting[] = [];
  let cancelTimer: (() => void) | undefined;
  /** The messages of each delivery that is on its way. */
  const underWay = new Map<string, Waiting[]>();

  const flush = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (waiting.length === 0) return;
    const batch = readings;
    const messages = waiting;
    readings = [];
    waiting = [];
    const delivery = deliveries.open({
      transport: deps.transport,
      readings: batch.length,
      source: deps.source,
      onSettled: ({ rejected, unsettled }) => {
        const failure = unsettled ? new Error('not stored in time') : storeFailure(rejected);
        underWay.delete(delivery);
        for (const { settled } of messages) settled(failure);
      },
    });
    underWay.set(delivery, messages);
    deps.send(batch, delivery);
  };

  return {
    add(message, more, settled) {
      for (const reading of more) readings.push(reading);
      waiting.push({ message, settled });
      if (readings.length >= limits.readings) flush();
      else cancelTimer ??= clock.after(limits.windowMs, flush);
    },
    takeBack() {
      cancelTimer?.();
      cancelTimer = undefined;
      const given: Waiting[] = [];
      for (const [delivery, messages] of underWay) {
        if (!deliveries.takeBack(delivery)) continue;
        underWay.delete(delivery);
        given.push(...messages);
      }
      given.push(...waiting);
      readings = [];
      waiting = [];
      return given.map(({ message }) => message);
    },
  };
}

/** A rejection of the whole delivery (index -1) means the store failed: its messages must not be acknowledged. */
const storeFailure = (rejected: readonly Rejection[]): Error | undefined => {
  const whole = rejected.find(({ index }) => index < 0);
  return whole && new Error(whole.reason);
};
