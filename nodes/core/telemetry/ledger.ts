import type { Rejection } from './types.ts';

/** What became of the readings that came in by one transport. */
export interface LedgerAccount {
  received: number;
  stored: number;
  /** By cause, a protocol error code or a word. */
  rejected: Record<string, number>;
  /** Taken out by the flow on purpose: fewer reached the store than came in. */
  filtered: number;
  /** No node settled them in time: a wire is cut or a node swallowed them. */
  unsettled: number;
  in_flight: number;
}

/**
 * Counts readings so that at every moment
 * `received = stored + rejected + filtered + unsettled + in_flight`, per transport.
 */
export interface Ledger {
  received(transport: string, count: number): void;
  stored(transport: string, count: number): void;
  rejected(transport: string, cause: string, count: number): void;
  /** Readings that came in and were refused before they travelled at all. */
  refused(transport: string, rejections: readonly Rejection[]): void;
  filtered(transport: string, count: number): void;
  unsettled(transport: string, count: number): void;
  /** Messages that never became readings (not JSON, no such device ...), by cause. */
  refusedMessage(transport: string, cause: string): void;
  snapshot(): {
    readings: Record<string, LedgerAccount>;
    refused_messages: Record<string, Record<string, number>>;
  };
}

export function createLedger(): Ledger {
  const accounts = new Map<string, LedgerAccount>();
  const refused = new Map<string, Record<string, number>>();

  const account = (transport: string): LedgerAccount => {
    let found = accounts.get(transport);
    if (!found) {
      found = { received: 0, stored: 0, rejected: {}, filtered: 0, unsettled: 0, in_flight: 0 };
      accounts.set(transport, found);
    }
    return found;
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
      const { rejected } = leave(transport, count);
      rejected[cause] = (rejected[cause] ?? 0) + count;
    },
    refused(transport, rejections) {
      const { rejected } = account(transport);
      account(transport).received += rejections.length;
      for (const { code } of rejections) rejected[code] = (rejected[code] ?? 0) + 1;
    },
    filtered(transport, count) {
      leave(transport, count).filtered += count;
    },
    unsettled(transport, count) {
      leave(transport, count).unsettled += count;
    },
    refusedMessage(transport, cause) {
      const causes = refused.get(transport) ?? {};
      refused.set(transport, causes);
      causes[cause] = (causes[cause] ?? 0) + 1;
    },
    snapshot: () => ({
      readings: structuredClone(Object.fromEntries(accounts)),
      refused_messages: structuredClone(Object.fromEntries(refused)),
    }),
  };
}
