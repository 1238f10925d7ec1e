import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { BrokerLimits } from '../limits.ts';
import type { Subscriber, Subscription } from './kept-subscriptions.ts';
import { ownPayload, type Message, type MessageProperties } from './messages.ts';
import {
  createOutgoingQueue,
  type DropCause,
  type OutgoingQueue,
  type QueuedMessage,
} from './outgoing-queue.ts';

/** The queues of all clients whose session is kept. */
export interface OutgoingQueues {
  of(clientId: string): OutgoingQueue | undefined;
  /**
   * Queues a message once for each client, whichever of its subscriptions match. Answers with what undoes it, or
   * undefined when nothing was queued.
   */
  enqueue(subscribers: readonly Subscriber[], message: Message): (() => void) | undefined;
  /** Drops all messages of a client. */
  end(clientId: string): void;
  /** Drops what has expired. */
  purge(): void;
  /** To be called in the order of the sequences. */
  restore(row: SessionRows['queued'], inFlight: SessionRows['in_flight'] | undefined): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
}

export function createOutgoingQueues(deps: {
  changes: WriteBehind;
  limits: BrokerLimits;
  now: () => number;
  onDrop: (cause: DropCause) => void;
  /** The subscription of a client with all its options. */
  subscriptionOf: (clientId: string, filter: string) => Subscription | undefined;
  isConnected: (clientId: string) => boolean;
}): OutgoingQueues {
  const { onDrop, subscriptionOf, isConnected } = deps;
  const queues = new Map<string, OutgoingQueue>();
  const usage = { bytes: 0 };
  let sequence = 0;
  const nextSequence = (): number => ++sequence;

  const ensure = (clientId: string): OutgoingQueue => {
    let queue = queues.get(clientId);
    if (!queue) {
      queue = createOutgoingQueue(clientId, { ...deps, usage, nextSequence });
      queues.set(clientId, queue);
    }
    return queue;
  };
  const copyFor = (message: Message, subscribers: readonly Subscriber[]): Message => {
    const identifiers = subscribers.flatMap(
      ({ clientId, topic }) => subscriptionOf(clientId, topic)?.subscriptionIdentifier ?? [],
    );
    const properties: MessageProperties = {
      ...message.properties,
      ...(identifiers.length > 0 && { subscriptionIdentifier: identifiers }),
    };
    const { brokerId, brokerCounter, messageExpiry, topic, payload } = message;
    return {
      ...{ cmd: 'publish', topic, payload, dup: false, messageId: undefined },
      qos: Math.min(message.qos, Math.max(...subscribers.map(({ qos }) => qos))),
      // A message that is forwarded is not retained, unless its subscriber wants it as it was published.
      retain: message.retain && subscribers.some(({ rap }) => rap === true),
      ...(brokerId !== undefined && { brokerId }),
      ...(brokerCounter !== undefined && { brokerCounter }),
      ...(messageExpiry !== undefined && { messageExpiry }),
      ...(Object.keys(properties).length > 0 && { properties }),
    };
  };

  return {
    of: (clientId) => queues.get(clientId),
    enqueue(subscribers, message) {
      if (subscribers.length === 0) return undefined;
      const own = { ...message, payload: ownPayload(message.payload) };
      const queued: [OutgoingQueue, QueuedMessage][] = [];
      for (const [clientId, matching] of byClient(subscribers)) {
        // No local: what a client publishes does not come back to it.
        if (clientId === message.clientId && matching.every(({ nl }) => nl === true)) continue;
        const queue = ensure(clientId);
        const added = queue.add(copyFor(own, matching), matching.length);
        if (typeof added !== 'string') queued.push([queue, added]);
        else if (!isConnected(clientId)) onDrop(added);
      }
      if (queued.length === 0) return undefined;
      return () => {
        for (const [queue, one] of queued) queue.remove(one);
      };
    },
    end(clientId) {
      queues.get(clientId)?.end();
      queues.delete(clientId);
    },
    purge() {
      for (const [clientId, queue] of queues) {
        queue.purge();
        if (queue.size() === 0) queues.delete(clientId);
      }
    },
    rewrite() {
      for (const queue of queues.values()) queue.rewrite();
    },
    restore(row, inFlight) {
      sequence = row.sequence;
      ensure(row.client_id).restore(row, inFlight);
    },
  };
}

function byClient(subscribers: readonly Subscriber[]): Map<string, Subscriber[]> {
  const groups = new Map<string, Subscriber[]>();
  for (const subscriber of subscribers) {
    const group = groups.get(subscriber.clientId);
    if (group) group.push(subscriber);
    else groups.set(subscriber.clientId, [subscriber]);
  }
  return groups;
}
