/** What one client, or all of them together, may take from the embedded broker. */
export interface BrokerLimits {
  /** Largest MQTT packet in bytes, judged by its fixed header before it is buffered. */
  maxPacketBytes: number;
  /** How long a connection may stay without a CONNECT. */
  connectTimeoutMs: number;
  maxConnections: number;
  /** How long a subscriber's socket may stay full before it is cut off. */
  drainTimeoutMs: number;
  /** How many bytes may wait in one subscriber's socket: more loses QoS 0 messages and ends the connection for others. */
  maxBufferedBytes: number;
  /** Messages kept for one absent client; newer ones are lost beyond it. */
  maxQueuedMessages: number;
  /** Persistent sessions of one principal; a further one ends with its connection. */
  maxSessionsPerPrincipal: number;
  /** How long a session outlives its connection. */
  sessionExpirySeconds: number;
  maxSubscriptions: number;
  /** What all clients together may have sent that is not settled yet; beyond it no socket is read. */
  maxInFlightMessages: number;
  maxInFlightBytes: number;
  /**
   * How long an MQTT 3.1.1 client stays connected after a message of its was not stored: the protocol has no answer
   * for that, and clients send again when they have connected anew.
   */
  redeliveryDelayMs: number;
  /** How many bytes of a connection may wait unread in the process. */
  maxUnreadBytes: number;
  maxTopicLevels: number;
}

export const defaultBrokerLimits: Readonly<BrokerLimits> = {
  maxPacketBytes: 256 * 1024,
  connectTimeoutMs: 10_000,
  maxConnections: 20_000,
  drainTimeoutMs: 5_000,
  maxBufferedBytes: 1024 * 1024,
  maxQueuedMessages: 1_000,
  maxSessionsPerPrincipal: 8,
  sessionExpirySeconds: 7 * 24 * 3600,
  maxSubscriptions: 100,
  maxInFlightMessages: 50_000,
  maxInFlightBytes: 64 * 1024 * 1024,
  redeliveryDelayMs: 5_000,
  maxUnreadBytes: 16 * 1024,
  maxTopicLevels: 20,
};
