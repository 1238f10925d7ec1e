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

/** Readings that no node settled, of one source. */
export interface Unsettled {
  readings: number;
  /** The last node that was seen with a message of them, as `kind (id)`. */
  last_node?: string;
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
  unsettledBySource(): Record<string, Unsettled>;
  /** A node got the message of this delivery. */
  passed(id: string, node: string): void;
  /** The store has its readings now: from here on the store's own time limits count, not the deadline. */
  handOver(id: string): void;
  /** Gives up following a delivery that the store does not have yet, as its messages will come in again. */
  takeBack(id: string): boolean;
  /** How many are open now. */
  openCount(): number;
  /** Resolves when none is open. */
  idle(): Promise<void>;
  /** Cancels all deadlines; open deliveries end as unsettled. */
  close(): void;
}

interface OpenDelivery extends DeliveryOptions {
  rejected: Rejection[];
  cancelDeadline: () => void;
  handedOver: boolean;
  lastNode: string | undefined;
}

/** @param deadlineMs how long a flow may take from source to store */
export function createDeliveries(deps: {
  clock: Clock;
  ids: Ids;
  ledger: Ledger;
  deadlineMs: number;
  onUnsettled: (source: string, what: Unsettled) => void;
}): Deliveries {
  const { clock, ids, ledger, deadlineMs, onUnsettled } = deps;
  const open = new Map<string, OpenDelivery>();
  const unsettled: Record<string, Unsettled> = {};

  let waiting: (() => void)[] = [];

  const remove = (id: string, delivery: OpenDelivery): void => {
    open.delete(id);
    delivery.cancelDeadline();
    if (open.size > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const end = (id: string, delivery: OpenDelivery, receipt: DeliveryReceipt): DeliveryReceipt => {
    remove(id, delivery);
    delivery.onSettled(receipt);
    return receipt;
  };
  const left = (delivery: OpenDelivery): number => delivery.readings - delivery.rejected.length;

  const expire = (id: string): void => {
    const delivery = open.get(id);
    if (!delivery) return;
    const { transport, source, lastNode } = delivery;
    const readings = left(delivery);
    ledger.dropped(transport, 'unsettled', readings);
    unsettled[source] = {
      readings: (unsettled[source]?.readings ?? 0) + readings,
      ...(lastNode !== undefined && { last_node: lastNode }),
    };
    onUnsettled(source, { ...unsettled[source] });
    end(id, delivery, { accepted: 0, rejected: delivery.rejected, unsettled: true });
  };

  return {
    open(options) {
      const id = ids.uuid();
      ledger.received(options.transport, options.readings);
      open.set(id, {
        ...options,
        rejected: [],
        handedOver: false,
        lastNode: undefined,
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
    passed(id, node) {
      const delivery = open.get(id);
      if (delivery) delivery.lastNode = node;
    },
    handOver(id) {
      const delivery = open.get(id);
      if (!delivery) return;
      delivery.handedOver = true;
      delivery.cancelDeadline();
    },
    takeBack(id) {
      const delivery = open.get(id);
      if (!delivery || delivery.handedOver) return false;
      remove(id, delivery);
      // What was refused meanwhile is refused again; it has been counted as received once.
      ledger.returned(delivery.transport, left(delivery));
      return true;
    },
    openCount: () => open.size,
    idle: () =>
      new Promise((resolve) => {
        if (open.size === 0) resolve();
        else waiting.push(resolve);
      }),
    close() {
      for (const id of [...open.keys()]) expire(id);
    },
  };
}
