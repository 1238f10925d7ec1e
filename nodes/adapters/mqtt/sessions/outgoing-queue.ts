import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { BrokerLimits } from '../limits.ts';
import { bytesOf, fromColumns, isExpired, toColumns, type Message } from './messages.ts';

/** Why a message for a client was dropped. */
export type DropCause =
  'queue_full' | 'queue_bytes' | 'expired' | 'session_ended' | 'slow_subscriber' | 'not_authorized';

/** A PUBREL that waits for its PUBCOMP. */
export interface Release {
  cmd: 'pubrel';
  messageId: number;
}

/** What packets name a queued message by. */
export interface Reference {
  cmd?: string;
  messageId?: number | undefined;
  brokerId?: string | undefined;
  brokerCounter?: number;
}

export interface QueuedMessage {
  readonly sequence: number;
  readonly message: Message;
  readonly bytes: number;
  readonly queuedAt: number;
  /** How many subscriptions of the client it matched: aedes hands it over once for each. */
  copies: number;
  packetId: number | undefined;
  /** It was sent, on this connection or an earlier one. */
  sent: boolean;
  /** It is among the `contents` that a client which came back is sent, now or soon. */
  offered: boolean;
  /** Set from its PUBREC on. */
  release: Release | undefined;
  /** Resolves when the packet id is on disk. */
  idStored: Promise<void> | undefined;
}

/** What all queues share. */
export interface QueueDeps {
  changes: WriteBehind;
  limits: BrokerLimits;
  now: () => number;
  nextSequence: () => number;
  /** Bytes in all queues. */
  usage: { bytes: number };
  onDrop: (cause: DropCause) => void;
}

/** The messages that wait for one client, or for its acknowledgement, in their order. */
export interface OutgoingQueue {
  size(): number;
  /** Adds a message at the end; the cause when there is no room for it. */
  add(message: Message, copies: number): QueuedMessage | DropCause;
  find(reference: Reference): QueuedMessage | undefined;
  /** Whether this very object was handed out by `contents`. */
  owner(handedOut: object): QueuedMessage | undefined;
  /** What is to be sent to a client that comes back. */
  contents(): (Message | Release)[];
  /** Gives a message its packet id. */
  number(queued: QueuedMessage, packetId: number): void;
  /** Gives all QoS 2 messages a packet id: these must be on disk before they are sent, and so are written together. */
  numberAll(): void;
  usesPacketId(packetId: number): boolean;
  /** Notes a PUBREC: only the PUBREL is still to be sent. */
  release(queued: QueuedMessage): Promise<void>;
  remove(queued: QueuedMessage): void;
  /** Drops what has expired or waited too long, unless it is on its way already. */
  purge(): void;
  /** Drops everything. */
  end(): void;
  restore(row: SessionRows['queued'], inFlight: SessionRows['in_flight'] | undefined): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
}

const brokerKey = ({ brokerId, brokerCounter }: Reference): string =>
  `${brokerCounter ?? 0} ${brokerId ?? ''}`;

export function createOutgoingQueue(clientId: string, deps: QueueDeps): OutgoingQueue {
  const { changes, limits, now, usage, onDrop } = deps;
  const entries = new Map<number, QueuedMessage>();
  const byBroker = new Map<string, QueuedMessage>();
  const byPacketId = new Map<number, QueuedMessage>();
  const handedOut = new WeakMap<object, QueuedMessage>();
  let bytes = 0;

  const insert = (queued: QueuedMessage): void => {
    entries.set(queued.sequence, queued);
    byBroker.set(brokerKey(queued.message), queued);
    if (queued.packetId !== undefined) byPacketId.set(queued.packetId, queued);
    bytes += queued.bytes;
    usage.bytes += queued.bytes;
  };
  const remove = (queued: QueuedMessage): void => {
    const { sequence, packetId, message } = queued;
    if (!entries.delete(sequence)) return;
    if (byBroker.get(brokerKey(message)) === queued) byBroker.delete(brokerKey(message));
    if (packetId !== undefined && byPacketId.get(packetId) === queued) byPacketId.delete(packetId);
    bytes -= queued.bytes;
    usage.bytes -= queued.bytes;
    const key = { client_id: clientId, sequence };
    changes.remove('queued', key);
    if (packetId !== undefined) changes.remove('in_flight', key);
  };
  const drop = (queued: QueuedMessage, cause: DropCause): void => {
    remove(queued);
    onDrop(cause);
  };
  const obstacle = (size: number): DropCause | undefined => {
    if (entries.size >= limits.maxQueuedMessages) return 'queue_full';
    const full =
      bytes + size > limits.maxQueuedBytes || usage.bytes + size > limits.maxQueuedBytesInAll;
    return full ? 'queue_bytes' : undefined;
  };
  const put = ({ sequence, queuedAt, message }: QueuedMessage): void =>
    changes.put('queued', {
      ...{ client_id: clientId, sequence, queued_at: queuedAt },
      ...toColumns(message),
    });
  const putInFlight = ({ sequence, packetId, release }: QueuedMessage): Promise<void> => {
    changes.put('in_flight', {
      ...{ client_id: clientId, sequence, packet_id: packetId ?? 0 },
      released: Number(release !== undefined),
    });
    return changes.flushed();
  };
  const number = (queued: QueuedMessage, packetId: number): void => {
    if (queued.packetId !== undefined) byPacketId.delete(queued.packetId);
    queued.packetId = packetId;
    queued.message.messageId = packetId;
    byPacketId.set(packetId, queued);
    queued.idStored = putInFlight(queued);
    // Who has to wait for it does; for QoS 1 nobody has to.
    queued.idStored.catch(() => undefined);
  };

  return {
    size: () => entries.size,
    add(message, copies) {
      const size = bytesOf(message);
      const cause = obstacle(size);
      if (cause) return cause;
      const queued: QueuedMessage = {
        ...{ sequence: deps.nextSequence(), message, bytes: size, queuedAt: now(), copies },
        ...{ packetId: undefined, sent: false, offered: false },
        ...{ release: undefined, idStored: undefined },
      };
      insert(queued);
      put(queued);
      return queued;
    },
    find(reference) {
      const named = byBroker.get(brokerKey(reference));
      if (named || reference.messageId === undefined) return named;
      return byPacketId.get(reference.messageId);
    },
    owner: (object) => handedOut.get(object),
    contents() {
      return [...entries.values()].map((queued) => {
        const content = queued.release ?? queued.message;
        handedOut.set(content, queued);
        queued.offered = true;
        return content;
      });
    },
    number,
    numberAll() {
      let packetId = 1;
      for (const queued of entries.values()) {
        if (queued.message.qos !== 2 || queued.packetId !== undefined) continue;
        while (byPacketId.has(packetId)) packetId += 1;
        number(queued, packetId);
      }
    },
    usesPacketId: (packetId) => byPacketId.has(packetId),
    release(queued) {
      queued.release ??= { cmd: 'pubrel', messageId: queued.packetId ?? 0 };
      return putInFlight(queued);
    },
    remove,
    purge() {
      const oldest = now() - limits.maxQueuedSeconds * 1000;
      for (const queued of entries.values()) {
        if (queued.sent) continue;
        if (isExpired(queued.message, now()) || queued.queuedAt <= oldest) drop(queued, 'expired');
      }
    },
    end() {
      for (const queued of entries.values()) drop(queued, 'session_ended');
    },
    rewrite() {
      for (const queued of entries.values()) {
        put(queued);
        if (queued.packetId !== undefined) putInFlight(queued).catch(() => undefined);
      }
    },
    restore({ sequence, queued_at, ...row }, inFlight) {
      const message = fromColumns(row);
      const packetId = inFlight?.packet_id;
      const isReleased = inFlight?.released === 1 && packetId !== undefined;
      insert({
        // Its place in the queue is what names it from now on: the broker's own names ended with its process.
        message: { ...message, brokerId: 'stored', brokerCounter: sequence, messageId: packetId },
        ...{ sequence, queuedAt: queued_at, bytes: bytesOf(message), copies: 1 },
        ...{ packetId, sent: packetId !== undefined, offered: false, idStored: undefined },
        release: isReleased ? { cmd: 'pubrel', messageId: packetId } : undefined,
      });
    },
  };
}
