import type { Client, PublishPacket } from 'aedes';
import { internals, type Packet } from './aedes-internals.ts';

/** Tells when a device has acknowledged a message of the hub. aedes tells that of kept sessions only. */
export interface DeliveryReceipts {
  /** Wants to be told of the message with this very payload. */
  want(payload: Uint8Array, onDelivered: () => void): void;
  /** A message is on its way to a device; what is to be sent in its place. */
  forwarded<Forwarded extends PublishPacket>(client: Client, packet: Forwarded): Forwarded;
  /** Looks at what a client sent. */
  received(client: Client, packet: Packet): void;
}

/** From this reason code on a PUBACK of MQTT 5 is a refusal. */
const firstRefusal = 0x80;

export function createDeliveryReceipts(): DeliveryReceipts {
  const wanted = new WeakMap<Uint8Array, () => void>();
  /** By the packet id a message went out with. */
  const sent = new WeakMap<Client, Map<number, () => void>>();

  return {
    want: (payload, onDelivered) => void wanted.set(payload, onDelivered),
    forwarded(client, packet) {
      const tell = packet.qos > 0 ? wanted.get(packet.payload as Uint8Array) : undefined;
      if (!tell) return packet;
      // aedes asks for an id of its own right before it takes the next one of the client.
      return Object.defineProperty({ ...packet }, 'messageId', {
        get() {
          const ids = sent.get(client) ?? new Map<number, () => void>();
          sent.set(client, ids.set(internals(client)._nextId, tell));
          return undefined;
        },
      });
    },
    received(client, packet) {
      if (packet.cmd !== 'puback' || packet.messageId === undefined) return;
      const ids = sent.get(client);
      const tell = ids?.get(packet.messageId);
      if (!tell) return;
      ids?.delete(packet.messageId);
      if ((packet.reasonCode ?? 0) < firstRefusal) tell();
    },
  };
}
