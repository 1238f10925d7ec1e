import type { Client, PublishPacket } from 'aedes';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { KeptSubscriptions } from './kept-subscriptions.ts';
import type { Message } from './messages.ts';
import type { OutgoingQueues } from './outgoing-queues.ts';
import type { ReceivedIds } from './received-ids.ts';
import type { RetainedMessages } from './retained-messages.ts';

/**
 * Publishes what must be on disk before it is acknowledged: a retained message, one for a kept session, and the id
 * of a QoS 2 message of a kept session. Resolves when it may be acknowledged, and rejects when it must not be.
 * Undefined when nothing has to be kept: aedes publishes the message then.
 */
export type KeepPublication = (client: Client, packet: PublishPacket) => Promise<void> | undefined;

export interface KeepPublicationDeps {
  changes: WriteBehind;
  retained: RetainedMessages;
  subscriptions: KeptSubscriptions;
  queues: OutgoingQueues;
  received: ReceivedIds;
  publisherOf: (clientId: string) => string | undefined;
  /** Most QoS 2 messages of a client whose PUBREL has not come. */
  maxReceived: number;
  /** The broker's, which comes after what it keeps. */
  channel: () => Channel;
}

/** The broker's way from a publication to those who are connected. */
export interface Channel {
  /** Names a message as the broker does, so that its queues find it again. */
  identify(message: Message): Message;
  forward(message: Message): void;
}

export function createKeepPublication(deps: KeepPublicationDeps): KeepPublication {
  const { changes, retained, subscriptions, queues, received } = deps;
  /** How many publications of a client are on their way to the disk: what it sends after them comes after them. */
  const underWay = new WeakMap<Client, number>();

  const store = async (client: Client, packet: PublishPacket): Promise<void> => {
    const packetId = packet.messageId ?? 0;
    if (packet.qos === 2 && received.has(client.id, packetId)) {
      await received.stored(client.id, packetId);
      return;
    }
    if (packet.qos === 2 && received.count(client.id) >= deps.maxReceived) {
      throw new Error('too many QoS 2 messages are not released');
    }
    const principal = deps.publisherOf(client.id);
    if (packet.retain && !retained.hasRoom(packet, principal)) {
      throw new Error('too much is retained');
    }
    const message = deps.channel().identify(toMessage(client, packet));
    const undo = queues.enqueue(subscriptions.matching(packet.topic), message);
    // Both end as the flush below does, which is awaited alone so that messages keep their order.
    if (packet.retain) retained.store(message, principal).catch(() => undefined);
    if (packet.qos === 2) {
      received.add(client.id, packetId, !client.clean).catch(() => undefined);
    }
    try {
      await changes.flushed();
    } catch (error) {
      undo?.();
      throw error;
    }
    deps.channel().forward(message);
  };
  const counted = async (client: Client, packet: PublishPacket): Promise<void> => {
    underWay.set(client, (underWay.get(client) ?? 0) + 1);
    try {
      await store(client, packet);
    } finally {
      const left = (underWay.get(client) ?? 1) - 1;
      if (left > 0) underWay.set(client, left);
      else underWay.delete(client);
    }
  };

  return (client, packet) => {
    if (packet.qos === 0) return undefined;
    const mustBeKept =
      packet.retain ||
      underWay.has(client) ||
      (packet.qos === 2 && !client.clean) ||
      subscriptions.matching(packet.topic).length > 0;
    return mustBeKept ? counted(client, packet) : undefined;
  };
}

function toMessage(client: Client, packet: PublishPacket): Message {
  const { topic, payload, qos, retain, properties } = packet;
  const expiry = properties?.messageExpiryInterval ?? 0;
  return {
    ...{ cmd: 'publish', topic, payload, qos, retain, dup: false, messageId: undefined },
    clientId: client.id,
    ...(properties && Object.keys(properties).length > 0 && { properties: { ...properties } }),
    ...(expiry > 0 && { messageExpiry: Date.now() + expiry * 1000 }),
  };
}
