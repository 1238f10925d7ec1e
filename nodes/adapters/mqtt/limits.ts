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
  /** What is kept for one absent client, in messages and bytes; newer messages are lost beyond it. */
  maxQueuedMessages: number;
  maxQueuedBytes: number;
  /** What is kept for all absent clients. */
  maxQueuedBytesInAll: number;
  /** How long a message is kept, if it does not expire before. */
  maxQueuedSeconds: number;
  /** Retained messages of all publishers; a further one is refused. */
  maxRetainedMessages: number;
  maxRetainedBytes: number;
  /** Retained messages that one principal published; the hub itself is bounded by the limit of all. */
  maxRetainedMessagesPerPrincipal: number;
  maxRetainedBytesPerPrincipal: number;
  /** Persistent sessions; a further one ends with its connection. */
  maxSessions: number;
  maxSessionsPerPrincipal: number;
  /** What the file of the sessions may grow to. */
  maxSessionFileBytes: number;
  /** How long after a start the wills that an earlier process left are held back, so that who listens is there. */
  willGraceMs: number;
  /** How long a session outlives its connection. */
  sessionExpirySeconds: number;
  maxSubscriptions: number;
  /** What all clients together may have sent that is not settled yet; beyond it no socket is read. */
  maxInFlightMessages: number;
  maxInFlightBytes: number;
  /** The same for clients that send much at a time, so that others need not wait behind them. */
  maxBusyInFlightMessages: number;
  /**
   * How long an MQTT 3.1.1 client stays connected after a message of its was not stored: the protocol has no answer
   * for that, and clients send again when they have connected anew.
   */
  redeliveryDelayMs: number;
  /** How many bytes of a connection may wait unread in the process. */
  maxUnreadBytes: number;
  maxTopicLevels: number;
  /** What one principal may publish in a second, over all its connections; beyond it they are not read until the next. */
  maxMessagesPerSecond: number;
  maxMessageBytesPerSecond: number;
  /** How many seconds in a row that may go on before a connection is cut. */
  maxSlowedSeconds: number;
}

export const defaultBrokerLimits: Readonly<BrokerLimits> = {
  maxPacketBytes: 256 * 1024,
  connectTimeoutMs: 10_000,
  maxConnections: 20_000,
  drainTimeoutMs: 5_000,
  maxBufferedBytes: 1024 * 1024,
  maxQueuedMessages: 1_000,
  maxQueuedBytes: 4 * 1024 * 1024,
  maxQueuedBytesInAll: 128 * 1024 * 1024,
  maxQueuedSeconds: 3 * 24 * 3600,
  maxRetainedMessages: 250_000,
  maxRetainedBytes: 128 * 1024 * 1024,
  maxRetainedMessagesPerPrincipal: 10_000,
  maxRetainedBytesPerPrincipal: 8 * 1024 * 1024,
  maxSessions: 100_000,
  maxSessionsPerPrincipal: 8,
  maxSessionFileBytes: 512 * 1024 * 1024,
  willGraceMs: 2_000,
  sessionExpirySeconds: 7 * 24 * 3600,
  maxSubscriptions: 100,
  maxInFlightMessages: 50_000,
  maxInFlightBytes: 64 * 1024 * 1024,
  maxBusyInFlightMessages: 500,
  redeliveryDelayMs: 5_000,
  maxUnreadBytes: 16 * 1024,
  maxTopicLevels: 20,
  maxMessagesPerSecond: 20_000,
  maxMessageBytesPerSecond: 32 * 1024 * 1024,
  maxSlowedSeconds: 60,
};
