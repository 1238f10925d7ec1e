import type { Clock } from '../../../core/clock.ts';
import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';
import { createBackOff, type BackOffTiming } from './back-off.ts';
import { SpoolError } from './spool-thread.ts';
import { within } from './time-limit.ts';

/** How it stands with the database elsewhere. */
export interface LinkState {
  connected: boolean;
  /** Since when it is so (ms since the epoch). */
  since: number;
  /** Why it is away. */
  reason?: string;
}

/**
 * Brings everything to the database in the order it came, one call at a time: at once while nothing waits, else from
 * the spool.
 */
export interface Courier {
  /**
   * Makes a call at once. Undefined when it must wait its turn in the spool: the database is away or slow, or something
   * waits already. A call that took too long goes on, and nothing is sent before it has ended.
   * @throws what the call fails with for good
   */
  direct<T>(call: () => Promise<T>): Promise<{ value: T } | undefined>;
  /** Something waits. */
  wake(): void;
  /** A call failed in a way that needs the database to be opened again. */
  lost(error: unknown): void;
  state(): LinkState;
  /** Resolves once the database was opened or could not be. */
  readonly firstAttempt: Promise<void>;
  /** Begins nothing any more; resolves when what was under way has ended. */
  close(): Promise<void>;
}

export interface CourierOptions {
  clock: Clock;
  backOff: BackOffTiming;
  /** A call that takes longer (ms) is answered for by the spool. */
  slowMs: number;
  /** The database has gone away, is there (again). */
  onLost: (reason: string) => void;
  onFound: () => void;
  /** The spool failed; it is tried again. */
  onTrouble: (error: unknown) => void;
  /** Opens the database. */
  connect: () => Promise<void>;
  /** Brings the first of what waits to the database; false when nothing does. */
  deliverNext: () => Promise<boolean>;
  /** Nothing waits. */
  isEmpty: () => boolean;
  /** What waits will be gone with the next delivery. */
  isNearlyEmpty: () => boolean;
}

export function createCourier(options: CourierOptions): Courier {
  const {
    clock,
    slowMs,
    onLost,
    onFound,
    onTrouble,
    connect,
    deliverNext,
    isEmpty,
    isNearlyEmpty,
  } = options;
  const backOff = createBackOff(options.backOff);
  let state: LinkState = { connected: false, since: clock.now() };
  let wait = 0;
  let slow = false;
  let closing = false;
  /** A call that took too long and has not ended. */
  let overdue: Promise<void> | undefined;
  let awake = false;
  let rouse: (() => void) | undefined;
  let endPause: (() => void) | undefined;
  let onIdle: (() => void)[] = [];
  let firstTried: () => void = () => undefined;
  const firstAttempt = new Promise<void>((resolve) => {
    firstTried = resolve;
  });

  const tellIdle = (): void => {
    const told = onIdle;
    onIdle = [];
    for (const tell of told) tell();
  };
  const wake = (): void => {
    awake = true;
    rouse?.();
  };
  const nap = (): Promise<void> =>
    new Promise((resolve) => {
      rouse = resolve;
      if (awake || closing) resolve();
    });
  const pause = async (ms: number): Promise<void> => {
    let cancel: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      cancel = clock.after(ms, resolve);
      endPause = resolve;
    });
    cancel?.();
  };
  const lost = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (!closing && (state.connected || state.reason !== reason)) onLost(reason);
    state = { connected: false, since: state.connected ? clock.now() : state.since, reason };
    wait = error instanceof RemoteUnavailable ? backOff.next() : backOff.longest();
    tellIdle();
    wake();
  };
  const deliver = async (): Promise<boolean> => {
    const began = clock.now();
    const delivered = await deliverNext();
    if (delivered && clock.now() - began < slowMs) slow = false;
    backOff.reset();
    return delivered;
  };
  const turn = async (): Promise<void> => {
    if (!state.connected) {
      await connect();
      if (state.reason !== undefined) onFound();
      state = { connected: true, since: clock.now() };
      firstTried();
    }
    await overdue;
    awake = false;
    if (await deliver()) return;
    tellIdle();
    await nap();
  };
  const run = async (): Promise<void> => {
    while (!closing) {
      try {
        const waitFor = wait;
        wait = 0;
        if (waitFor > 0) await pause(waitFor);
        else await turn();
      } catch (error) {
        if (error instanceof SpoolError) {
          wait = backOff.next();
          onTrouble(error);
        } else lost(error);
        firstTried();
      }
    }
  };
  const running = run();

  const isFree = (): boolean => state.connected && !slow && !overdue && !closing && isEmpty();
  const becomesFree = async (): Promise<boolean> => {
    if (!isFree() && state.connected && !slow && !overdue && !closing && isNearlyEmpty())
      await within(clock, slowMs, new Promise<void>((resolve) => onIdle.push(resolve)));
    return isFree();
  };

  return {
    async direct(call) {
      if (!(await becomesFree())) return undefined;
      const result = call();
      try {
        const outcome = await within(clock, slowMs, result);
        if (outcome !== 'late') return outcome;
      } catch (error) {
        if (!(error instanceof RemoteUnavailable)) throw error;
        lost(error);
        return undefined;
      }
      slow = true;
      overdue = result
        .then(
          () => undefined,
          (error: unknown) => {
            if (error instanceof RemoteUnavailable) lost(error);
          },
        )
        .finally(() => {
          overdue = undefined;
        });
      return undefined;
    },
    wake,
    lost,
    state: () => state,
    firstAttempt,
    async close() {
      closing = true;
      tellIdle();
      wake();
      endPause?.();
      await running;
      await overdue;
    },
  };
}
