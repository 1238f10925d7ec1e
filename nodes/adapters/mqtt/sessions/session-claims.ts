import type { Client } from 'aedes';
import type { Principal } from '../../../core/security/types.ts';
import { makeSessionEphemeral, resumeSession, skipPacketIds } from '../aedes-delivery.ts';
import type { BrokerLimits } from '../limits.ts';
import type { KeptState } from './kept-state.ts';
import type { LeftWills } from './left-wills.ts';
import { isExpiredHolder, type Holder, type SessionHolders } from './session-holders.ts';

/** Who may connect by which client id, and when what is kept for it ends. */
export interface SessionClaims {
  /**
   * Takes a client id for a connection. False when another principal holds it, connected or by a kept session:
   * only its holder may take a session over. A device always gets the client id that is its device id.
   */
  claim(client: Client, principal: Principal, cleanStart: boolean): Promise<boolean>;
  /** The connection ended. */
  release: (client: Client) => void;
  /** Ends what is kept for a client id. */
  end: (clientId: string) => void;
  /** Ends the sessions that nobody came back to. */
  endExpired(): void;
}

export function createSessionClaims(deps: {
  holders: SessionHolders;
  kept: KeptState;
  leftWills: LeftWills;
  limits: BrokerLimits;
  now: () => number;
}): SessionClaims {
  const { holders, kept, leftWills, limits, now } = deps;

  const end = (clientId: string): void => {
    kept.end(clientId);
    holders.delete(clientId);
  };
  const outlives = (client: Client): boolean => client.sessionExpiryInterval > 0;
  /** Who holds a client id at this moment. */
  const holderOf = (clientId: string): Holder | undefined => {
    const holder = holders.get(clientId);
    if (!holder) return undefined;
    if (isExpiredHolder(holder, now())) {
      end(clientId);
      return undefined;
    }
    return holder.persistent || holder.client?.closed === false ? holder : undefined;
  };
  const mayTake = (clientId: string, principal: Principal): boolean => {
    const holder = holderOf(clientId);
    return !holder || holder.principal.id === principal.id || principal.device_id === clientId;
  };
  const isKeptFor = (clientId: string, principal: Principal): boolean => {
    const holder = holderOf(clientId);
    return holder?.principal.id === principal.id && holder.persistent;
  };
  const isFull = (principal: Principal): boolean =>
    holders.keptBy(principal.id) >= limits.maxSessionsPerPrincipal ||
    holders.kept() >= limits.maxSessions;

  return {
    async claim(client, principal, cleanStart) {
      const { id } = client;
      if (!mayTake(id, principal)) return false;
      await leftWills.connecting(id, !cleanStart && isKeptFor(id, principal));
      if (!mayTake(id, principal)) return false;

      const holder = holderOf(id);
      const wasKept = isKeptFor(id, principal);
      const resumed = wasKept && !cleanStart;
      if (holder && holder.principal.id !== principal.id) holder.client?.close();
      if (!resumed) end(id);
      if (
        outlives(client) &&
        (principal.registration === true || (!wasKept && isFull(principal)))
      ) {
        makeSessionEphemeral(client);
      }
      const persistent = outlives(client);
      if (resumed) {
        resumeSession(client);
        kept.queues.of(id)?.numberAll();
      }
      if (resumed || persistent) {
        skipPacketIds(client, (packetId) => kept.queues.of(id)?.usesPacketId(packetId) ?? false);
      }
      const expirySeconds = client.sessionExpiryInterval;
      holders.set(id, {
        ...{ principal, client, persistent, resumed, expirySeconds, offlineSince: undefined },
      });
      return true;
    },
    release(client) {
      const holder = holders.get(client.id);
      if (holder?.client !== client || holder.offlineSince !== undefined) return;
      if (!outlives(client)) {
        end(client.id);
        return;
      }
      const expirySeconds = client.sessionExpiryInterval;
      holders.set(client.id, {
        ...{ principal: holder.principal, client, persistent: true, resumed: holder.resumed },
        ...{ expirySeconds, offlineSince: now() },
      });
    },
    end,
    endExpired() {
      for (const clientId of holders.expired(now())) end(clientId);
    },
  };
}
