import { Readable } from 'node:stream';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { KeptSubscriptions, Subscriber, Subscription } from './kept-subscriptions.ts';
import { isExpired, type Message } from './messages.ts';
import type { DropCause, Reference, Release } from './outgoing-queue.ts';
import type { OutgoingQueues } from './outgoing-queues.ts';
import type { ReceivedIds } from './received-ids.ts';
import type { RetainedMessages } from './retained-messages.ts';
import type { Will, Wills } from './wills.ts';

/** What aedes names a client by: the connection itself, or just its id. */
export interface ClientRef {
  id: string;
  /** Its session ends with the connection. */
  clean?: boolean;
  closed?: boolean;
  /** False until the client was told that it is connected. */
  connackSent?: boolean;
  conn?: { destroyed: boolean };
}

/** The interface of `aedes-persistence`, by which aedes asks for all that is to outlive a connection. */
export interface AedesPersistence {
  readonly broker: { id: string };
  setup(broker: { id: string }): Promise<void>;
  storeRetained(packet: Message): Promise<void>;
  createRetainedStream(filter: string): Readable;
  createRetainedStreamCombi(filters: string[]): Readable;
  addSubscriptions(client: ClientRef, subscriptions: Subscription[]): Promise<void>;
  removeSubscriptions(client: ClientRef, filters: string[]): Promise<void>;
  subscriptionsByClient(client: ClientRef): Promise<Subscription[]>;
  subscriptionsByTopic(topic: string): Promise<Subscriber[]>;
  cleanSubscriptions(client: ClientRef): Promise<void>;
  countOffline(): Promise<{ subsCount: number; clientsCount: number }>;
  getClientList(filter: string): Readable;
  outgoingEnqueue(subscriber: Subscriber, packet: Message): Promise<void>;
  outgoingEnqueueCombi(subscribers: Subscriber[], packet: Message): Promise<void>;
  outgoingUpdate(client: ClientRef, packet: Message | Release): Promise<void>;
  outgoingClearMessageId(
    client: ClientRef,
    packet: Reference,
  ): Promise<Message | Release | undefined>;
  outgoingStream(client: ClientRef): Readable;
  incomingStorePacket(client: ClientRef, packet: Reference): Promise<void>;
  incomingGetPacket(client: ClientRef, packet: Reference): Promise<Reference>;
  incomingDelPacket(client: ClientRef, packet: Reference): Promise<void>;
  putWill(client: ClientRef, packet: Will): Promise<void>;
  getWill(client: ClientRef): Promise<Will | undefined>;
  delWill(client: ClientRef): Promise<Will | undefined>;
  streamWill(brokers?: Record<string, unknown>): Readable;
  destroy(): Promise<void>;
}

export interface PersistenceDeps {
  changes: WriteBehind;
  now: () => number;
  retained: RetainedMessages;
  subscriptions: KeptSubscriptions;
  queues: OutgoingQueues;
  received: ReceivedIds;
  wills: Wills;
  /** Id of the principal who published as this client, for their share of what is retained. */
  publisherOf: (clientId: string | undefined) => string | undefined;
  /** Whether a client may hold a subscription: aedes stores refused ones beside granted ones. */
  mayKeep: (client: ClientRef, filter: string) => boolean;
  /** Whether a connection goes on with a session that was there before. */
  isResumed: (clientId: string) => boolean;
  onDrop: (cause: DropCause) => void;
}

/**
 * Stands for a session without subscriptions: aedes takes a client without any for one without a session, and tells
 * it so. Nobody can subscribe to it.
 */
export const sessionMarker = '$session';

const done = Promise.resolve();

/**
 * What aedes keeps for its clients: in memory, and on disk behind it. Each answer waits for the disk where MQTT
 * acknowledges something by it.
 */
export function createPersistence(deps: PersistenceDeps): AedesPersistence {
  const { changes, now, retained, subscriptions, queues, received, wills, onDrop } = deps;
  let broker = { id: '' };

  const enqueue = async (subscribers: readonly Subscriber[], packet: Message): Promise<void> => {
    const undo = queues.enqueue(subscribers, packet);
    // A retained message was noted before, in the same turn, and is acknowledged together with this.
    if (!undo && !packet.retain) return;
    try {
      await changes.flushed();
    } catch (error) {
      undo?.();
      throw error;
    }
  };

  return {
    get broker() {
      return broker;
    },
    async setup(value) {
      broker = value;
      await done;
    },

    async storeRetained(packet) {
      const principal = deps.publisherOf(packet.clientId);
      if (!retained.hasRoom(packet, principal)) throw new Error('too much is retained');
      const stored = retained.store(packet, principal);
      // With QoS 1 and 2 aedes enqueues the message next, which waits for both: they are in one commit.
      if (packet.qos === 0) await stored;
      else stored.catch(() => undefined);
    },
    createRetainedStream: (filter) => Readable.from(retained.matching([filter])),
    createRetainedStreamCombi: (filters) => Readable.from(retained.matching(filters)),

    addSubscriptions: (client, added) =>
      subscriptions.add(
        client.id,
        added.filter(({ topic }) => deps.mayKeep(client, topic)),
      ),
    removeSubscriptions: (client, filters) => subscriptions.remove(client.id, filters),
    subscriptionsByClient({ id }) {
      const own = subscriptions.of(id);
      const needsMarker = own.length === 0 && deps.isResumed(id);
      return Promise.resolve(needsMarker ? [{ topic: sessionMarker, qos: 0 }] : own);
    },
    subscriptionsByTopic: (topic) => Promise.resolve(subscriptions.matching(topic)),
    cleanSubscriptions({ id }) {
      subscriptions.end(id);
      return done;
    },
    countOffline() {
      const { clients, subscriptions: count } = subscriptions.usage();
      return Promise.resolve({ subsCount: count, clientsCount: clients });
    },
    getClientList: (filter) => Readable.from(subscriptions.clientsOf(filter)),

    outgoingEnqueue: (subscriber, packet) => enqueue([subscriber], packet),
    outgoingEnqueueCombi: enqueue,
    async outgoingUpdate(client, packet) {
      const queue = queues.of(client.id);
      const queued = queue?.find(packet);
      // A connected client still gets what found no place in its queue.
      if (!queue || !queued) return;
      if (packet.cmd === 'pubrel') {
        await queue.release(queued);
        return;
      }
      const { message } = queued;
      const packetId = packet.messageId ?? 0;
      if (queued.packetId !== packetId) queue.number(queued, packetId);
      packet.qos = message.qos;
      packet.retain = message.retain;
      if (message.properties) packet.properties = message.properties;
      if (queued.sent && client.connackSent === true) packet.dup = true;
      queued.sent = true;
      // Under another id the client would take it for another message.
      if (message.qos === 2) await queued.idStored;
    },
    outgoingClearMessageId(client, packet) {
      const queue = queues.of(client.id);
      const handedOut = queue?.owner(packet);
      const queued = handedOut ?? queue?.find(packet);
      if (!queue || !queued) return Promise.resolve(undefined);
      if (!handedOut && packet.messageId === undefined) {
        // aedes did not forward it: for now, or because another subscription of the client did, or never.
        if (!isReady(client) || queued.offered) return Promise.resolve(undefined);
        queued.copies -= 1;
        if (queued.copies > 0) return Promise.resolve(undefined);
      }
      if (packet.cmd === 'publish' && isExpired(queued.message, now())) onDrop('expired');
      queue.remove(queued);
      return Promise.resolve(queued.release ?? queued.message);
    },
    outgoingStream({ id }) {
      const queue = queues.of(id);
      queue?.purge();
      return Readable.from(queue?.contents() ?? []);
    },

    incomingStorePacket: (client, { messageId = 0 }) =>
      received.add(client.id, messageId, client.clean !== true),
    async incomingGetPacket({ id }, packet) {
      const { messageId = 0 } = packet;
      if (!received.has(id, messageId)) throw new Error('no such packet');
      await received.stored(id, messageId);
      return packet;
    },
    incomingDelPacket: ({ id }, { messageId = 0 }) => received.remove(id, messageId),

    async putWill(client, will) {
      will.brokerId = broker.id;
      will.clientId = client.id;
      await wills.put(client, will);
    },
    getWill: ({ id }) => Promise.resolve(wills.get(id)),
    delWill: (client) => Promise.resolve(wills.remove(client)),
    streamWill: (brokers = {}) =>
      Readable.from(
        [...wills.all()].filter(({ brokerId = '' }) => !Object.hasOwn(brokers, brokerId)),
      ),

    destroy: () => changes.close(),
  };
}

/** Whether a client can be forwarded to now; if not, its messages wait for its next connection. */
function isReady({ conn, connackSent }: ClientRef): boolean {
  return conn === undefined || (!conn.destroyed && connackSent !== false);
}
