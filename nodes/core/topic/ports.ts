import type { Meant } from '../security/authentication.ts';
import type { Principal } from '../security/types.ts';
import type { Topic } from './types.ts';

/** A message a client published into the topic tree. */
export interface InboundMessage {
  topic: string;
  /** The topic taken apart; undefined for a topic outside the tree. */
  parsed: Topic | undefined;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  /** Kept by the broker from earlier, not published now: no sign of life. */
  retained: boolean;
  /** The client's will, published for it after it vanished. */
  will: boolean;
  /** Known with the embedded broker; an external one has authenticated the client itself. */
  clientId?: string;
  principal?: Principal;
  /** MQTT 5 request/response properties. */
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** The sender's place in a trace, from the MQTT 5 user property of this name. */
  traceparent?: string;
  /**
   * Ends the wait for the acknowledgement (PUBACK/PUBREC). Must be called exactly once; with an error an MQTT 5
   * client gets a negative acknowledgement and a 3.1.1 client none.
   */
  settle(error?: Error): void;
}

export interface PublishOptions {
  qos?: 0 | 1 | 2;
  retain?: boolean;
  correlationData?: Uint8Array;
  /** Place in a trace, as MQTT 5 user property. */
  traceparent?: string;
  /** Seconds after which an undelivered message is dropped (MQTT 5). */
  messageExpiry?: number;
  /** Called once when a device acknowledged that it got it (qos 1); an external broker does not tell. */
  onDelivered?: () => void;
}

/** Port: the MQTT broker the hub uses, embedded or external (see test/contract/mqtt-link.ts). */
export interface MqttLink {
  /** Resolves when the broker took the message (for an external one: acknowledged it, qos 1 and 2). */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<void>;
  /** Every inbound message of the tree; without a listener messages are settled at once. The answer unsubscribes. */
  onMessage(listener: (message: InboundMessage) => void): () => void;
  /** Whether a device that is connected now is subscribed to a topic; an external broker does not tell. */
  isHeard?(topic: string): boolean;
  /** Connected, connecting, or why not; the listener is called at once and at every change. */
  onState(listener: (state: { connected: boolean; detail: string }) => void): () => void;
  /** Takes nothing more from clients, for good; what has come in can still be settled. */
  pause(): void;
  /**
   * Closes every connection of a principal, by its id or that of its device (a revoked key, a removed device), and ends
   * its sessions; or closes those of certain principals, whose sessions are kept.
   */
  disconnect(who: Meant): void;
  /** Where clients connect, for people to read; e.g. `mqtt://127.0.0.1:1883`. */
  readonly url: string;
  /** All of them, where there are several. */
  readonly urls?: readonly string[];
  stats(): {
    clients: number;
    received: number;
    published: number;
    refused: number;
    /** Messages for clients that were dropped instead of delivered, by cause; an external broker does not tell. */
    dropped: Record<string, number>;
  };
  close(): Promise<void>;
}
