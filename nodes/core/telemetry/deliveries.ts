import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import type { Ledger } from './ledger.ts';
import type { Rejection } from './types.ts';

/** What came of a delivery. */
export interface DeliveryReceipt {
  /** Readings that are stored. */
  accepted: number;
  rejected: Rejection[];
  /** True when nobody settled it before the deadline. */
  unsettled: boolean;
}

export interface DeliveryOptions {
  transport: string;
  /** How many readings the message carries. */
  readings: number;
  /** Who is told when nobody settles it (the id of the source node). */
  source: string;
  /** Called exactly once, when the delivery ends. */
  onSettled: (receipt: DeliveryReceipt) => void;
}

/**
 * Follows each telemetry message from its source to the store. A message carries only the opaque id
 * (`msg.delivery`): fan-out clones messages, so what has to happen at the end is kept here. A delivery
 * ends exactly once: stored by `telemetry-write`, refused as a whole, or left unsettled at its deadline.
 */
export interface Deliveries {
  open(options: DeliveryOptions): string;
  /** Takes some of its readings out, refused with a cause. */
  reject(id: string, rejections: readonly Rejection[]): void;
  /** Ends it: this many were stored; what is neither stored nor rejected was filtered by the flow. */
  settle(id: string, stored: number): DeliveryReceipt | undefined;
  /** Ends it: everything left in it is refused with one cause (the store failed). */
  fail(id: string, code: number, reason: string): DeliveryReceipt | undefined;
  /** Readings that nobody settled, by source, since start. */
  unsettledBySource(): Record<string, number>;
  /** How many are open now. */
  openCount(): number;
  /** Cancels all deadlines; open deliveries end as unsettled. */
  close(): void;
}

interface OpenDelivery extends DeliveryOptions {
  rejected: Rejection[];
  cancelDeadline: () => void;
}

/** @param deadlineMs how long a flow may take from source to store */
export function createDeliveries(deps: {
  clock: Clock;
  ids: Ids;
  ledger: Ledger;
  deadlineMs: number;
  onUnsettled: (source: string, readings: number) => void;
}): Deliveries {
  const { clock, ids, ledger, deadlineMs, onUnsettled } = deps;
  const open = new Map<string, OpenDelivery>();
  const unsettled: Record<string, number> = {};

  const end = (id: string, delivery: OpenDelivery, receipt: DeliveryReceipt): DeliveryReceipt => {
    open.delete(id);
    delivery.cancelDeadline();
    delivery.onSettled(receipt);
    return receipt;
  };
  const left = (delivery: OpenDelivery): number => delivery.readings - delivery.rejected.length;

  const expire = (id: string): void => {
    const delivery = open.get(id);
    if (!delivery) return;
    const count = left(delivery);
    ledger.unsettled(delivery.transport, count);
    unsettled[delivery.source] = (unsettled[delivery.source] ?? 0) + count;
    onUnsettled(delivery.source, count);
    end(id, delivery, { accepted: 0, rejected: delivery.rejected, unsettled: true });
  };

  return {
    open(options) {
      const id = ids.uuid();
      ledger.received(options.transport, options.readings);
      open.set(id, {
        ...options,
        rejected: [],
        cancelDeadline: clock.after(deadlineMs, () => expire(id)),
      });
      return id;
    },
    reject(id, rejections) {
      const delivery = open.get(id);
      if (!delivery) return;
      for (const rejection of rejections) {
        delivery.rejected.push(rejection);
        ledger.rejected(delivery.transport, String(rejection.code), 1);
      }
    },
    settle(id, stored) {
      const delivery = open.get(id);
      if (!delivery) return undefined;
      const accepted = Math.min(stored, left(delivery));
      ledger.stored(delivery.transport, accepted);
      ledger.filtered(delivery.transport, left(delivery) - accepted);
      return end(id, delivery, { accepted, rejected: delivery.rejected, unsettled: false });
    },
    fail(id, code, reason) {
      const delivery = open.get(id);
      if (!delivery) return undefined;
      ledger.rejected(delivery.transport, String(code), left(delivery));
      const rejected = [...delivery.rejected, { index: -1, code, reason }];
      return end(id, delivery, { accepted: 0, rejected, unsettled: false });
    },
    unsettledBySource: () => ({ ...unsettled }),
    openCount: () => open.size,
    close() {
      for (const id of [...open.keys()]) expire(id);
    },
  };
}
