import type { Rejection } from './types.ts';

/** What became of the readings that came in by one transport. */
export interface LedgerAccount {
  received: number;
  stored: number;
  /** By cause, a protocol error code or a word. */
  rejected: Record<string, number>;
  /** Taken out by the flow on purpose: fewer reached the store than came in. */
  filtered: number;
  /**
   * Neither stored nor refused, by cause: `unsettled` where no node settled them in time (a wire is cut, a node
   * swallowed them). None of them was acknowledged; with QoS 0 they are lost.
   */
  dropped: Record<string, number>;
  in_flight: number;
}

/** What came in and never became readings, by cause. */
export interface MessageAccount {
  /** Not JSON, no such device ... */
  refused: Record<string, number>;
  /** No flow to take them, or the hub was stopping: unacknowledged, and lost with QoS 0. */
  dropped: Record<string, number>;
}

/**
 * Counts readings so that at every moment
 * `received = stored + rejected + filtered + dropped + in_flight`, per transport.
 */
export interface Ledger {
  received(transport: string, count: number): void;
  stored(transport: string, count: number): void;
  rejected(transport: string, cause: string, count: number): void;
  /** Readings that came in and were refused before they travelled at all. */
  refused(transport: string, rejections: readonly Rejection[]): void;
  filtered(transport: string, count: number): void;
  dropped(transport: string, cause: string, count: number): void;
  /** They go back to where they came from, to come in again. */
  returned(transport: string, count: number): void;
  refusedMessage(transport: string, cause: string): void;
  droppedMessage(transport: string, cause: string): void;
  snapshot(): {
    readings: Record<string, LedgerAccount>;
    messages: Record<string, MessageAccount>;
  };
}

export function createLedger(): Ledger {
  const accounts = new Map<string, LedgerAccount>();
  const messages = new Map<string, MessageAccount>();

  const account = (transport: string): LedgerAccount => {
    let found = accounts.get(transport);
    if (!found) {
      found = { received: 0, stored: 0, rejected: {}, filtered: 0, dropped: {}, in_flight: 0 };
      accounts.set(transport, found);
    }
    return found;
  };
  const messageAccount = (transport: string): MessageAccount => {
    let found = messages.get(transport);
    if (!found) {
      found = { refused: {}, dropped: {} };
      messages.set(transport, found);
    }
    return found;
  };
  const add = (causes: Record<string, number>, cause: string, count: number): void => {
    causes[cause] = (causes[cause] ?? 0) + count;
  };
  const leave = (transport: string, count: number): LedgerAccount => {
    const found = account(transport);
    found.in_flight -= count;
    return found;
  };

  return {
    received(transport, count) {
      const found = account(transport);
      found.received += count;
      found.in_flight += count;
    },
    stored(transport, count) {
      leave(transport, count).stored += count;
    },
    rejected(transport, cause, count) {
      add(leave(transport, count).rejected, cause, count);
    },
    refused(transport, rejections) {
      const { rejected } = account(transport);
      account(transport).received += rejections.length;
      for (const { code } of rejections) add(rejected, String(code), 1);
    },
    filtered(transport, count) {
      leave(transport, count).filtered += count;
    },
    dropped(transport, cause, count) {
      add(leave(transport, count).dropped, cause, count);
    },
    returned(transport, count) {
      leave(transport, count).received -= count;
    },
    refusedMessage(transport, cause) {
      add(messageAccount(transport).refused, cause, 1);
    },
    droppedMessage(transport, cause) {
      add(messageAccount(transport).dropped, cause, 1);
    },
    snapshot: () => ({
      readings: structuredClone(Object.fromEntries(accounts)),
      messages: structuredClone(Object.fromEntries(messages)),
    }),
  };
}
