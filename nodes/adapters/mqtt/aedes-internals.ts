/** The inside of aedes 2.0.0-beta.1, as far as the files beside this one rely on it: another version may differ here. */
import type { Aedes, Client } from 'aedes';

export type ConnectOrPublish = { properties?: unknown };
export type Packet = ConnectOrPublish & {
  cmd: string;
  topic?: string;
  messageId?: number;
  reasonCode?: number;
  subscriptions?: { topic: string; qos: number }[];
  will?: ConnectOrPublish;
};

export interface ClientInternals {
  subscriptions: Record<string, unknown>;
  clean: boolean;
  sessionExpiryInterval: number;
  _connectSessionExpiryInterval: number;
  _sessionExpiryClamped: boolean;
  connackSent: boolean;
  closed: boolean;
  version: number;
  broker: BrokerInternals;
  /** The last message forwarded, by the id of its broker; one that is not newer is not forwarded again. */
  duplicates: Record<string, number>;
  /** The packet id of the next message. */
  _nextId: number;
  deliverQoS(packet: Forwarded, done: () => void): void;
  /** Packets that were read and are not dealt with, and the call that ends one; at the last one reading goes on. */
  _parsingBatch: number;
  _nextBatch(): void;
  _keepaliveInterval: number;
  _keepaliveTimer: { refresh(): void } | null;
  waitForDrain(then: () => void): void;
  _parser: {
    /** Bytes of a packet that is not complete. */
    _list: { length: number };
    /** 0 between two packets. */
    _stateCounter: number;
    parse(buffer: Buffer): number;
    prependListener(event: 'packet', listener: (packet: Packet) => void): void;
  };
}

/** A message on its way to a subscriber. */
export interface Forwarded {
  qos: number;
  retain: boolean;
  /** Null for a retained message that comes with a new subscription. */
  brokerId: string | null;
}

type Listener = (...args: never[]) => void;

export interface BrokerInternals {
  id: string;
  /** Of the last message that was published. */
  counter: number;
  /** How many messages were handed to subscribers. */
  emissions?: number;
  clients: Record<string, Client>;
  mq: {
    emit(packet: unknown, done: (error?: Error | null) => void): unknown;
    on(filter: string, listener: Listener, done?: () => void): unknown;
    removeListener(filter: string, listener: Listener, done?: () => void): unknown;
  };
}

export const internals = (client: Client): ClientInternals => client as unknown as ClientInternals;
export const brokerInternals = (broker: Aedes): BrokerInternals =>
  broker as unknown as BrokerInternals;
