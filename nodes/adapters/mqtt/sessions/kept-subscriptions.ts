import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { Audience } from '../audience.ts';
import { createTopicTree } from './topic-tree.ts';

/** A subscription as SUBSCRIBE brings it, with the options of MQTT 5. */
export interface Subscription {
  topic: string;
  qos: number;
  /** Retain handling, retain as published, no local. */
  rh?: number | undefined;
  rap?: boolean | undefined;
  nl?: boolean | undefined;
  subscriptionIdentifier?: number;
}

/** A subscription found by a topic. */
export interface Subscriber extends Subscription {
  clientId: string;
}

/** The subscriptions of kept sessions, by client and by topic. */
export interface KeptSubscriptions {
  /** Resolves when they are on disk; messages are queued for them from then on. Rejects when they are not kept. */
  add(clientId: string, subscriptions: readonly Subscription[]): Promise<void>;
  remove(clientId: string, filters: Iterable<string>): Promise<void>;
  /** Removes all of a client. */
  end(clientId: string): void;
  of(clientId: string): Subscription[];
  get: (clientId: string, filter: string) => Subscription | undefined;
  /** Those that want messages with QoS 1 or 2 of a topic. */
  matching(topic: string): Subscriber[];
  /** Clients with a subscription of exactly this filter. */
  clientsOf(filter: string): Generator<string>;
  restore(row: SessionRows['subscriptions']): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
  usage(): { clients: number; subscriptions: number };
}

const nobody: Subscriber[] = [];

export function createKeptSubscriptions(
  changes: WriteBehind,
  audience: Pick<Audience, 'kept' | 'released'>,
): KeptSubscriptions {
  const byClient = new Map<string, Map<string, Subscription>>();
  const byFilter = createTopicTree<Map<string, Subscriber>>();
  let routed = 0;

  const unroute = (clientId: string, filter: string): void => {
    const subscribers = byFilter.get(filter);
    if (!subscribers?.delete(clientId)) return;
    routed -= 1;
    if (subscribers.size === 0) byFilter.delete(filter);
  };
  const route = (clientId: string, { topic, qos, rh, rap, nl }: Subscription): void => {
    unroute(clientId, topic);
    if (qos === 0) return;
    const subscribers = byFilter.get(topic) ?? new Map<string, Subscriber>();
    byFilter.set(topic, subscribers.set(clientId, { clientId, topic, qos, rh, rap, nl }));
    routed += 1;
  };
  const put = (clientId: string, subscription: Subscription): void =>
    changes.put('subscriptions', {
      client_id: clientId,
      filter: subscription.topic,
      options: optionsOf(subscription),
    });
  const note = (clientId: string, wanted: Subscription): Subscription => {
    const own = byClient.get(clientId) ?? new Map<string, Subscription>();
    const known = own.get(wanted.topic);
    // aedes names all subscriptions of a SUBSCRIBE once for each of them.
    if (known && optionsOf(known) === optionsOf(wanted)) return known;
    const subscription = ownCopy(wanted);
    const { topic } = subscription;
    byClient.set(clientId, own.set(topic, subscription));
    put(clientId, subscription);
    return subscription;
  };
  const forget = (clientId: string, filters: Iterable<string>): void => {
    const own = byClient.get(clientId);
    for (const filter of filters) {
      if (!own?.delete(filter)) continue;
      unroute(clientId, filter);
      changes.remove('subscriptions', { client_id: clientId, filter });
    }
    if (own?.size === 0) byClient.delete(clientId);
  };

  return {
    async add(clientId, subscriptions) {
      const before = new Map(byClient.get(clientId));
      const own = subscriptions.map((one) => note(clientId, one));
      audience.kept(
        clientId,
        own.map(({ topic }) => topic),
      );
      const current = (): Subscription[] =>
        own.filter((one) => byClient.get(clientId)?.get(one.topic) === one);
      try {
        await changes.flushed();
      } catch (error) {
        for (const { topic } of current()) {
          const earlier = before.get(topic);
          if (earlier) {
            note(clientId, earlier);
          } else {
            forget(clientId, [topic]);
            audience.released(clientId, [topic]);
          }
        }
        throw error;
      }
      // Not before: until then aedes does not forward to it, and what is queued would wait for the next connection.
      for (const one of current()) route(clientId, one);
    },
    remove(clientId, filters) {
      const gone = [...filters];
      forget(clientId, gone);
      audience.released(clientId, gone);
      return changes.flushed();
    },
    end(clientId) {
      forget(clientId, [...(byClient.get(clientId)?.keys() ?? [])]);
      audience.released(clientId);
    },
    of: (clientId) => [...(byClient.get(clientId)?.values() ?? [])].map(ownCopy),
    get: (clientId, filter) => byClient.get(clientId)?.get(filter),
    matching(topic) {
      if (routed === 0) return nobody;
      return byFilter.matching(topic).flatMap((subscribers) => [...subscribers.values()]);
    },
    *clientsOf(filter) {
      for (const [clientId, own] of byClient) if (own.has(filter)) yield clientId;
    },
    restore({ client_id, filter, options }) {
      const subscription = { topic: filter, ...(JSON.parse(options) as { qos: number }) };
      const own = byClient.get(client_id) ?? new Map<string, Subscription>();
      byClient.set(client_id, own.set(filter, subscription));
      route(client_id, subscription);
      audience.kept(client_id, [filter]);
    },
    rewrite() {
      for (const [clientId, own] of byClient)
        for (const subscription of own.values()) put(clientId, subscription);
    },
    usage: () => ({ clients: byClient.size, subscriptions: routed }),
  };
}

const optionsOf = ({ qos, rh, rap, nl, subscriptionIdentifier }: Subscription): string =>
  JSON.stringify({ qos, rh, rap, nl, subscriptionIdentifier });

const ownCopy = (subscription: Subscription): Subscription => {
  const { topic, qos, rh, rap, nl, subscriptionIdentifier } = subscription;
  return {
    ...{ topic, qos, rh, rap, nl },
    ...(subscriptionIdentifier !== undefined && { subscriptionIdentifier }),
  };
};
