import type { Ids } from '../ids.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { narrowsDevices, type CanSee } from '../security/scope-rules.ts';
import type { OwnerOf } from '../security/topic-acl.ts';
import type { Principal } from '../security/types.ts';
import { matchingKeys, ofHub, parsePattern, patternKey } from './channels.ts';
import type { ChannelPattern } from './channels.ts';
import { methodsChannel, type Audience, type Streams } from './types.ts';
import { createUpdateQueue, updateHead } from './update-queue.ts';
import type { QueueLimits, UpdateQueue } from './update-queue.ts';

export interface StreamLimits extends QueueLimits {
  subscriptionsPerSession: number;
  channelsPerSession: number;
}

const defaults: StreamLimits = {
  queuedUpdates: 256,
  queuedCharacters: 4_194_304,
  subscriptionsPerSession: 100,
  channelsPerSession: 1000,
};

interface Subscriber {
  queue: UpdateQueue;
  /** Whose scope is for some devices only. */
  narrow: Principal | undefined;
  /** Channels of each subscription, as they were given. */
  subscriptions: Map<string, Map<string, ChannelPattern>>;
  channels: number;
}

/**
 * Subscriptions in memory. Publishing looks up the four patterns that can match a channel, so it costs
 * by matching sessions, not by all of them; an update is serialised once for everybody.
 * @param deps.ownerOf lets a device follow its sensors' channels too
 * @param deps.canSee asked for each update and each session whose scope is for some devices only; without it such a
 *   session gets none
 */
export function createStreams(deps: {
  ids: Ids;
  limits?: Partial<StreamLimits>;
  ownerOf?: OwnerOf;
  canSee?: CanSee;
}): Streams {
  const limits = { ...defaults, ...deps.limits };
  const canSee: CanSee = deps.canSee ?? (() => false);
  const subscribers = new Map<string, Subscriber>();
  /** Pattern key → subscribers, with how many of their channels have that pattern. */
  const index = new Map<string, Map<Subscriber, number>>();
  let subscriptionCount = 0;
  let sent = 0;
  let dropped = 0;
  const count = { sent: () => (sent += 1), dropped: () => (dropped += 1) };

  const enter = (subscriber: Subscriber, { id, kind }: ChannelPattern): void => {
    const key = patternKey(id, kind);
    const matching = index.get(key) ?? new Map<Subscriber, number>();
    index.set(key, matching.set(subscriber, (matching.get(subscriber) ?? 0) + 1));
    subscriber.channels += 1;
  };

  const leave = (subscriber: Subscriber, { id, kind }: ChannelPattern): void => {
    const key = patternKey(id, kind);
    const matching = index.get(key);
    const held = matching?.get(subscriber) ?? 0;
    if (held > 1) matching?.set(subscriber, held - 1);
    else matching?.delete(subscriber);
    if (matching?.size === 0) index.delete(key);
    subscriber.channels -= 1;
  };

  const endSubscription = (sessionId: string, subscriber: Subscriber, id: string): boolean => {
    const channels = subscriber.subscriptions.get(id);
    if (!channels) return false;
    for (const pattern of channels.values()) leave(subscriber, pattern);
    subscriber.subscriptions.delete(id);
    subscriptionCount -= 1;
    if (subscriber.subscriptions.size === 0) subscribers.delete(sessionId);
    return true;
  };

  const endChannels = (
    sessionId: string,
    subscriber: Subscriber,
    channels: readonly string[],
  ): boolean => {
    let found = false;
    for (const [id, held] of [...subscriber.subscriptions]) {
      for (const channel of channels) {
        const pattern = held.get(channel);
        if (!pattern) continue;
        found = true;
        held.delete(channel);
        leave(subscriber, pattern);
      }
      if (held.size === 0) endSubscription(sessionId, subscriber, id);
    }
    return found;
  };

  const matchingSubscribers = (id: string, kind: string, audience: Audience): Set<Subscriber> => {
    const found = new Set<Subscriber>();
    for (const key of matchingKeys(id, kind, audience === 'named')) {
      for (const subscriber of index.get(key)?.keys() ?? [])
        if (!subscriber.narrow || canSee(subscriber.narrow, id)) found.add(subscriber);
    }
    return found;
  };

  return {
    subscribe(session, channels) {
      const patterns = parseChannels(channels);
      for (const [channel, { id }] of patterns) {
        requireOwn(session.principal, id, channel, deps.ownerOf);
      }
      const subscriber = subscribers.get(session.id) ?? {
        queue: createUpdateQueue(session, limits, count),
        narrow: narrowsDevices(session.principal.scope) ? session.principal : undefined,
        subscriptions: new Map<string, Map<string, ChannelPattern>>(),
        channels: 0,
      };
      requireRoom(subscriber, patterns.size, limits);
      const id = deps.ids.uuid();
      subscriber.subscriptions.set(id, patterns);
      for (const pattern of patterns.values()) enter(subscriber, pattern);
      subscribers.set(session.id, subscriber);
      subscriptionCount += 1;
      return { subscription_id: id, channels: [...patterns.keys()] };
    },

    unsubscribe(session, what) {
      const subscriber = subscribers.get(session.id);
      if (!subscriber) return false;
      const byId =
        what.subscription_id !== undefined &&
        endSubscription(session.id, subscriber, what.subscription_id);
      const byChannel =
        what.channels !== undefined && endChannels(session.id, subscriber, what.channels);
      return byId || byChannel;
    },

    publish(deviceId, kind, data, timestamp, audience = 'all') {
      const matching = matchingSubscribers(deviceId, kind, audience);
      if (matching.size === 0) return;
      const head = updateHead(
        `device.${deviceId}.${kind}`,
        new Date(timestamp).toISOString(),
        serialise(data),
      );
      for (const { queue } of matching) queue.push(head);
    },

    publishMethods(data, timestamp) {
      const matching = index.get(patternKey(ofHub.id, ofHub.kind));
      if (!matching) return;
      const time = new Date(timestamp).toISOString();
      const head = updateHead(methodsChannel, time, serialise(data), false);
      for (const { queue } of matching.keys()) queue.push(head);
    },

    drain(session) {
      subscribers.get(session.id)?.queue.flush();
    },

    drop(session) {
      const subscriber = subscribers.get(session.id);
      if (!subscriber) return;
      for (const id of [...subscriber.subscriptions.keys()]) {
        endSubscription(session.id, subscriber, id);
      }
    },

    wanted: (deviceId, kind, audience = 'all') =>
      matchingKeys(deviceId, kind, audience === 'named').some((key) => index.has(key)),

    stats: () => ({
      sessions: subscribers.size,
      subscriptions: subscriptionCount,
      sent,
      dropped,
    }),
  };
}

function parseChannels(channels: readonly unknown[]): Map<string, ChannelPattern> {
  if (!Array.isArray(channels) || channels.length === 0) {
    throw new RpcError(ErrorCode.InvalidParams, 'channels must be a list of at least one channel', {
      field: 'channels',
    });
  }
  return new Map(
    channels.map((channel, i) => [String(channel), parsePattern(channel, `channels[${i}]`)]),
  );
}

function requireOwn(
  principal: Principal,
  id: string,
  channel: string,
  ownerOf: OwnerOf | undefined,
): void {
  if (principal.role !== 'device' || id === ofHub.id) return;
  const own = principal.device_id;
  if (own !== undefined && (id === own || ownerOf?.(id) === own)) return;
  throw new RpcError(
    ErrorCode.Unauthorized,
    `a device may only follow its own channels, not ${channel}`,
    own === undefined ? {} : { allowed: [`device.${own}.*`] },
  );
}

function requireRoom(subscriber: Subscriber, more: number, limits: StreamLimits): void {
  const { subscriptionsPerSession, channelsPerSession } = limits;
  if (subscriber.subscriptions.size >= subscriptionsPerSession) {
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      `a connection may have ${subscriptionsPerSession} subscriptions; unsubscribe first`,
      { max_subscriptions: subscriptionsPerSession },
    );
  }
  if (subscriber.channels + more > channelsPerSession) {
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      `a connection may follow ${channelsPerSession} channels; a pattern such as device.*.telemetry covers many`,
      { max_channels: channelsPerSession },
    );
  }
}

/** What JSON cannot hold at all, such as undefined, becomes null. @throws RpcError -32603 for a cycle */
function serialise(data: unknown): string {
  try {
    return JSON.stringify([data]).slice(1, -1);
  } catch {
    throw new RpcError(
      ErrorCode.InternalError,
      'the data of this update cannot be written as JSON',
    );
  }
}
