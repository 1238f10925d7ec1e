import type { Principal } from '../security/types.ts';

/** A connection that stream updates can be written to (a WebSocket). */
export interface StreamSession {
  readonly id: string;
  readonly principal: Principal;
  /** Whether more can be written now without piling up in memory. */
  writable(): boolean;
  /** Writes one text frame. */
  send(text: string): void;
}

/** Channels are `device.{id}.{telemetry|status|alerts|events|commands}`; a pattern may have `*` for the id, the kind or both. */
export const channelKinds = ['telemetry', 'status', 'alerts', 'events', 'commands'] as const;
export type ChannelKind = (typeof channelKinds)[number];

/** The one channel that is about the hub: its methods changed. Only who names it follows it. */
export const methodsChannel = 'hub.methods';

export type Audience = 'all' | 'named';

/** Subscriptions and their bounded queues (specification section 5.1). */
export interface Streams {
  /**
   * Subscribes a session to channel patterns. `*` alone is every channel. Whether the scope of the session is for a
   * device is asked with every update, so that a channel of another device is silent like that of an unknown one.
   * @throws RpcError -32602 for a malformed pattern, -32006 past the limit of subscriptions
   */
  subscribe(
    session: StreamSession,
    channels: readonly string[],
  ): { subscription_id: string; channels: string[] };
  /** Ends one subscription of a session, or some channels of all of its subscriptions. False if there was none. */
  unsubscribe(
    session: StreamSession,
    what: { subscription_id?: string; channels?: readonly string[] },
  ): boolean;
  /**
   * Sends `stream.update` to everybody subscribed. A session gets an update once, however many of its
   * patterns match. A session that is not writable queues; a full queue loses its oldest update and
   * the next one that is sent carries `dropped`, the number lost.
   * @param timestamp milliseconds since the epoch, sent as ISO 8601
   * @param audience `named`: only patterns that name this id, because those with `*` get it under another one
   */
  publish(
    deviceId: string,
    kind: ChannelKind,
    data: unknown,
    timestamp: number,
    audience?: Audience,
  ): void;
  /** Tells those who named `hub.methods` of it that the methods changed, as `stream.update`. */
  publishMethods(data: { revision: string }, timestamp: number): void;
  /** The session can be written to again: its queue is flushed. */
  drain(session: StreamSession): void;
  /** Forgets a session and all of its subscriptions. */
  drop(session: StreamSession): void;
  /** Whether anybody listens to this channel (lets a caller skip work). */
  wanted(deviceId: string, kind: ChannelKind, audience?: Audience): boolean;
  stats(): { sessions: number; subscriptions: number; sent: number; dropped: number };
}
