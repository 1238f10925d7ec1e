import type { Client } from 'aedes';
import type { Principal } from '../../../core/security/types.ts';
import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';

/** Who holds a client id. */
export interface Holder {
  principal: Principal;
  /** Undefined for a session of an earlier process that nobody came back to. */
  client: Client | undefined;
  /** Whether the session outlives its connection. */
  persistent: boolean;
  /** The connection goes on with a session that was there before. */
  resumed: boolean;
  expirySeconds: number;
  /** Milliseconds since the epoch; undefined while connected. */
  offlineSince: number | undefined;
}

/** Who holds which client id, connected or by a kept session. */
export interface SessionHolders {
  get(clientId: string): Holder | undefined;
  set(clientId: string, holder: Holder): void;
  delete(clientId: string): void;
  /** Client ids that a principal holds. */
  heldBy(principalId: string): string[];
  /** Sessions that outlive their connection: of all principals, and of one. */
  kept(): number;
  keptBy(principalId: string): number;
  /** Client ids whose session has ended, because nobody came back in time. */
  expired(now: number): string[];
  /** @param endedAt when the connections of the earlier process ended, in milliseconds since the epoch */
  restore(row: SessionRows['sessions'], endedAt: number): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
}

export function isExpiredHolder({ offlineSince, expirySeconds }: Holder, now: number): boolean {
  return offlineSince !== undefined && offlineSince + expirySeconds * 1000 <= now;
}

export function createSessionHolders(changes: WriteBehind): SessionHolders {
  const holders = new Map<string, Holder>();
  const byPrincipal = new Map<string, Set<string>>();
  const stored = new Set<string>();
  const keptCounts = new Map<string, number>();
  let kept = 0;

  const count = ({ principal, persistent }: Holder, by: 1 | -1): void => {
    if (!persistent) return;
    kept += by;
    keptCounts.set(principal.id, (keptCounts.get(principal.id) ?? 0) + by);
    if (keptCounts.get(principal.id) === 0) keptCounts.delete(principal.id);
  };
  const take = (clientId: string): void => {
    const holder = holders.get(clientId);
    if (!holder) return;
    holders.delete(clientId);
    count(holder, -1);
    const own = byPrincipal.get(holder.principal.id);
    own?.delete(clientId);
    if (own?.size === 0) byPrincipal.delete(holder.principal.id);
  };
  const place = (clientId: string, holder: Holder): void => {
    take(clientId);
    holders.set(clientId, holder);
    count(holder, 1);
    const own = byPrincipal.get(holder.principal.id) ?? new Set();
    byPrincipal.set(holder.principal.id, own.add(clientId));
  };

  const store = (clientId: string, holder: Holder): void => {
    stored.add(clientId);
    changes.put('sessions', {
      client_id: clientId,
      principal: JSON.stringify(holder.principal),
      expiry_seconds: holder.expirySeconds,
      offline_since: holder.offlineSince ?? null,
    });
  };

  return {
    get: (clientId) => holders.get(clientId),
    set(clientId, holder) {
      place(clientId, holder);
      if (holder.persistent || stored.has(clientId)) store(clientId, holder);
    },
    delete(clientId) {
      take(clientId);
      if (stored.delete(clientId)) changes.remove('sessions', { client_id: clientId });
    },
    heldBy: (principalId) => [...(byPrincipal.get(principalId) ?? [])],
    kept: () => kept,
    keptBy: (principalId) => keptCounts.get(principalId) ?? 0,
    expired: (now) =>
      [...holders].filter(([, holder]) => isExpiredHolder(holder, now)).map(([id]) => id),
    rewrite() {
      for (const [clientId, holder] of holders) if (stored.has(clientId)) store(clientId, holder);
    },
    restore(row, endedAt) {
      const holder = {
        principal: JSON.parse(row.principal) as Principal,
        ...{ client: undefined, persistent: true, resumed: false },
        expirySeconds: row.expiry_seconds,
        offlineSince: row.offline_since ?? endedAt,
      };
      stored.add(row.client_id);
      place(row.client_id, holder);
      if (row.offline_since === null) store(row.client_id, holder);
    },
  };
}
