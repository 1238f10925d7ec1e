import type { Aedes, Client, Subscription } from 'aedes';
import type { Principal } from '../../core/security/types.ts';
import { makeSessionEphemeral, resumeSession } from './aedes-guard.ts';
import type { Audience } from './audience.ts';
import type { BrokerLimits } from './limits.ts';

type ClientId = { id: string };
type Queued = { clientId: string };
type Numbered = { messageId?: number };

/** The part of aedes' persistence that is bounded here. */
interface Persistence {
  addSubscriptions(client: Client, subscriptions: Subscription[]): Promise<void>;
  removeSubscriptions(client: ClientId, filters: string[]): Promise<void>;
  cleanSubscriptions(client: ClientId): Promise<void>;
  outgoingEnqueueCombi(subscribers: Queued[], packet: unknown): Promise<void>;
  outgoingUpdate(client: ClientId, packet: Numbered): Promise<void>;
  outgoingClearMessageId(client: ClientId, packet: Numbered): Promise<unknown>;
  outgoingStream(client: ClientId): AsyncIterable<Numbered>;
  incomingStorePacket(client: ClientId, packet: Numbered): Promise<void>;
  incomingGetPacket(client: ClientId, packet: Numbered): Promise<unknown>;
  incomingDelPacket(client: ClientId, packet: Numbered): Promise<void>;
  delWill(client: ClientId): Promise<unknown>;
}

/** Whether a client may hold this subscription. */
type MayKeep = (client: Client, filter: string) => boolean;

interface Session {
  principal: Principal;
  client: Client;
  persistent: boolean;
  /** Milliseconds since the epoch; undefined while connected. */
  offlineSince?: number | undefined;
}

/** Who holds which client id, and how much is kept for it. */
export interface Sessions {
  /**
   * Takes a client id for a connection. False when another principal holds it, connected or by a kept session:
   * only its holder may take a session over. A device always gets the client id that is its device id.
   */
  claim(client: Client, principal: Principal, cleanStart: boolean): Promise<boolean>;
  /** The connection ended. */
  release(client: Client): void;
  /** The session of this client id expired. */
  forget(clientId: string): void;
  /** Ends all kept sessions of a principal. */
  endAll(principalId: string): Promise<void>;
  /** Ends the sessions that nobody came back to. */
  expire(): Promise<void>;
  /** Whether a QoS 2 message of this client has been taken already and waits for its PUBREL. */
  tookQos2: (clientId: string, messageId: number) => boolean;
}

/**
 * Bounds what aedes keeps in memory for clients, and says who a session belongs to.
 * @param mayKeep whether a client may hold this subscription (aedes stores refused ones beside granted ones)
 */
export function createSessions(
  broker: Aedes,
  limits: BrokerLimits,
  mayKeep: MayKeep,
  audience: Audience,
): Sessions {
  const { persistence } = broker as unknown as { persistence: Persistence };
  const sessions = new Map<string, Session>();
  const taken = boundPersistence(persistence, limits, mayKeep);
  tellAudience(persistence, audience);

  const wipe = async (id: string): Promise<void> => {
    taken.delete(id);
    await persistence.cleanSubscriptions({ id });
    await persistence.delWill({ id });
    for await (const packet of persistence.outgoingStream({ id })) {
      await persistence.outgoingClearMessageId({ id }, packet);
    }
  };
  const end = (id: string): Promise<void> => {
    sessions.delete(id);
    return wipe(id);
  };
  const outlives = (client: Client): boolean => client.sessionExpiryInterval > 0;
  const keptBy = (principal: Principal): number =>
    [...sessions.values()].filter((held) => held.persistent && held.principal.id === principal.id)
      .length;

  return {
    async claim(client, principal, cleanStart) {
      const held = sessions.get(client.id);
      const isHeld = held !== undefined && (held.persistent || !held.client.closed);
      const same = isHeld && held.principal.id === principal.id;
      if (isHeld && !same) {
        if (principal.device_id !== client.id) return false;
        held.client.close();
        await end(client.id);
      }
      if (cleanStart || !same) taken.delete(client.id);
      const wasKept = same && held.persistent;
      const isFull = !wasKept && keptBy(principal) >= limits.maxSessionsPerPrincipal;
      if (outlives(client) && (principal.registration || isFull)) makeSessionEphemeral(client);
      if (wasKept && !cleanStart) resumeSession(client);
      sessions.set(client.id, { principal, client, persistent: outlives(client) });
      return true;
    },
    release(client) {
      const session = sessions.get(client.id);
      if (session?.client !== client) return;
      session.persistent = outlives(client);
      session.offlineSince = Date.now();
      if (session.persistent) return;
      sessions.delete(client.id);
      taken.delete(client.id);
    },
    forget(clientId) {
      sessions.delete(clientId);
      taken.delete(clientId);
    },
    async endAll(principalId) {
      const ids = [...sessions].filter(([, held]) => held.principal.id === principalId);
      await Promise.all(ids.map(([id]) => end(id)));
    },
    async expire() {
      const oldest = Date.now() - limits.sessionExpirySeconds * 1000;
      const ids = [...sessions].filter(([, held]) => (held.offlineSince ?? Infinity) < oldest);
      await Promise.all(ids.map(([id]) => end(id)));
    },
    tookQos2: (clientId, messageId) => taken.get(clientId)?.has(messageId) ?? false,
  };
}

/** Tells who listens of the subscriptions that kept sessions hold. */
function tellAudience(persistence: Persistence, audience: Audience): void {
  const add = persistence.addSubscriptions.bind(persistence);
  const remove = persistence.removeSubscriptions.bind(persistence);
  const clean = persistence.cleanSubscriptions.bind(persistence);
  persistence.addSubscriptions = (client, subscriptions) => {
    audience.kept(
      client.id,
      subscriptions.map(({ topic }) => topic),
    );
    return add(client, subscriptions);
  };
  persistence.removeSubscriptions = (client, filters) => {
    audience.released(client.id, filters);
    return remove(client, filters);
  };
  persistence.cleanSubscriptions = (client) => {
    audience.released(client.id);
    return clean(client);
  };
}

/**
 * Replaces what grows without bound in the memory persistence: queues of absent clients, and QoS 2 messages whose
 * PUBREL never comes (their ids are enough to recognise a repetition, the payload is not needed).
 */
function boundPersistence(
  persistence: Persistence,
  limits: BrokerLimits,
  mayKeep: MayKeep,
): Map<string, Set<number>> {
  const queued = new Map<string, number>();
  const taken = new Map<string, Set<number>>();
  const addSubscriptions = persistence.addSubscriptions.bind(persistence);
  const enqueue = persistence.outgoingEnqueueCombi.bind(persistence);
  const update = persistence.outgoingUpdate.bind(persistence);
  const clear = persistence.outgoingClearMessageId.bind(persistence);

  persistence.addSubscriptions = (client, subscriptions) =>
    addSubscriptions(
      client,
      subscriptions.filter(({ topic }) => mayKeep(client, topic)),
    );
  persistence.outgoingEnqueueCombi = (subscribers, packet) => {
    const open = subscribers.filter(
      ({ clientId }) => (queued.get(clientId) ?? 0) < limits.maxQueuedMessages,
    );
    for (const { clientId } of open) queued.set(clientId, (queued.get(clientId) ?? 0) + 1);
    return enqueue(open, packet);
  };
  // A connected client still gets what found no place in its queue; aedes would disconnect it for that.
  persistence.outgoingUpdate = (client, packet) => update(client, packet).catch(() => undefined);
  persistence.outgoingClearMessageId = async (client, packet) => {
    const cleared = await clear(client, packet);
    if (cleared !== undefined) {
      const left = (queued.get(client.id) ?? 1) - 1;
      if (left > 0) queued.set(client.id, left);
      else queued.delete(client.id);
    }
    return cleared;
  };
  persistence.incomingStorePacket = ({ id }, { messageId = 0 }) => {
    const ids = taken.get(id);
    if (ids) ids.add(messageId);
    else taken.set(id, new Set([messageId]));
    return Promise.resolve();
  };
  persistence.incomingGetPacket = ({ id }, packet) =>
    taken.get(id)?.has(packet.messageId ?? 0)
      ? Promise.resolve(packet)
      : Promise.reject(new Error('no such packet'));
  persistence.incomingDelPacket = ({ id }, { messageId = 0 }) => {
    const ids = taken.get(id);
    ids?.delete(messageId);
    if (ids?.size === 0) taken.delete(id);
    return Promise.resolve();
  };
  return taken;
}
