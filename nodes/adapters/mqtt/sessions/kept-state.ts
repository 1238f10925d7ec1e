import type { Principal } from '../../../core/security/types.ts';
import {
  tableShapes,
  type SessionRows,
  type SessionTable,
} from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { StoredSessions } from '../../storage/mqtt-sessions/session-file.ts';
import type { Audience } from '../audience.ts';
import type { BrokerLimits } from '../limits.ts';
import { createKeptSubscriptions, type KeptSubscriptions } from './kept-subscriptions.ts';
import type { DropCause } from './outgoing-queue.ts';
import { createOutgoingQueues, type OutgoingQueues } from './outgoing-queues.ts';
import { createReceivedIds, type ReceivedIds } from './received-ids.ts';
import { createRetainedMessages, type RetainedMessages } from './retained-messages.ts';
import { createWills, type Wills } from './wills.ts';

/** All that is kept for clients but who they are. */
export interface KeptState {
  retained: RetainedMessages;
  subscriptions: KeptSubscriptions;
  queues: OutgoingQueues;
  received: ReceivedIds;
  wills: Wills;
  onDrop: (cause: DropCause) => void;
  /** Messages for clients that were dropped, by cause. */
  dropped: () => Record<string, number>;
  /** Ends what is kept for a client id, except its will. */
  end(clientId: string): void;
  /** Drops what has expired. */
  purge(now: number): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
  /** Takes over what is in the file; answers with the client ids found in it and the rows that were damaged. */
  restore(stored: StoredSessions): { clientIds: Set<string>; damaged: number };
}

export function createKeptState(deps: {
  changes: WriteBehind;
  limits: BrokerLimits;
  audience: Pick<Audience, 'kept' | 'released'>;
  now: () => number;
  holderOf: (clientId: string) => Principal | undefined;
  isConnected: (clientId: string) => boolean;
}): KeptState {
  const { changes, limits } = deps;
  const drops = new Map<DropCause, number>();
  const onDrop = (cause: DropCause): void => {
    drops.set(cause, (drops.get(cause) ?? 0) + 1);
  };
  const retained = createRetainedMessages(changes, limits);
  const subscriptions = createKeptSubscriptions(changes, deps.audience);
  const subscriptionOf = subscriptions.get;
  const queues = createOutgoingQueues({ ...deps, onDrop, subscriptionOf });
  const received = createReceivedIds(changes);
  const wills = createWills(changes, deps.holderOf);

  return {
    retained,
    subscriptions,
    queues,
    received,
    wills,
    onDrop,
    dropped: () => Object.fromEntries(drops),
    end(clientId) {
      subscriptions.end(clientId);
      queues.end(clientId);
      received.end(clientId);
    },
    purge(now) {
      queues.purge();
      retained.purge(now);
    },
    rewrite() {
      for (const part of [retained, subscriptions, queues, received, wills]) part.rewrite();
    },
    restore(stored) {
      let damaged = 0;
      const clientIds = new Set<string>();
      const inFlight = new Map(stored.in_flight.map((row) => [row.sequence, row]));
      const each = <Table extends SessionTable>(
        table: Table,
        rows: SessionRows[Table][],
        take: (row: SessionRows[Table]) => void,
      ): void => {
        for (const row of rows) {
          if ('client_id' in row) clientIds.add(row.client_id);
          try {
            take(row);
          } catch {
            damaged += 1;
            changes.remove(table, keyOf(table, row));
          }
        }
      };
      each('retained', stored.retained, (row) => retained.restore(row));
      each('subscriptions', stored.subscriptions, (row) => subscriptions.restore(row));
      each('received', stored.received, (row) => received.restore(row));
      const inOrder = stored.queued.toSorted((a, b) => a.sequence - b.sequence);
      each('queued', inOrder, (row) => queues.restore(row, inFlight.get(row.sequence)));
      return { clientIds, damaged };
    },
  };
}

function keyOf<Table extends SessionTable>(
  table: Table,
  row: SessionRows[Table],
): Partial<SessionRows[Table]> {
  const { key } = tableShapes[table];
  const columns = Object.entries(row).filter(([column]) => key.includes(column));
  return Object.fromEntries(columns) as Partial<SessionRows[Table]>;
}
