import type { Principal } from '../../../core/security/types.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import { toColumns, type Message } from './messages.ts';

/** A will as aedes keeps it. */
export type Will = Message & { brokerId?: string; clientId?: string };

/** The connection a will belongs to. */
interface WillOwner {
  id: string;
  closed?: boolean;
  version?: number;
  sessionExpiryInterval?: number;
}

/** The wills of connected clients, and of those whose will delay is running. */
export interface Wills {
  /** Resolves when the will is on disk, or could not be written. */
  put(owner: WillOwner, will: Will): Promise<void>;
  get(clientId: string): Will | undefined;
  /** Removes the will of a connection, or if only a client id is named: that of one which has ended. */
  remove(owner: WillOwner): Will | undefined;
  /** Removes a will, whoever is connected. */
  end(clientId: string): void;
  all(): Iterable<Will>;
  /** Puts everything again, into a new file. */
  rewrite(): void;
}

/** @param holderOf who holds a client id */
export function createWills(
  changes: WriteBehind,
  holderOf: (clientId: string) => Principal | undefined,
): Wills {
  const wills = new Map<string, { owner: WillOwner; will: Will }>();

  const end = (clientId: string): void => {
    if (wills.delete(clientId)) changes.remove('wills', { client_id: clientId });
  };

  const store = (owner: WillOwner, will: Will): void => {
    const holder = holderOf(owner.id);
    if (!holder) return;
    changes.put('wills', {
      ...{ client_id: owner.id, principal: JSON.stringify(holder) },
      delay_seconds: delayOf(owner, will),
      ...toColumns(will),
    });
  };

  return {
    async put(owner, will) {
      wills.set(owner.id, { owner, will });
      store(owner, will);
      try {
        await changes.flushed();
      } catch {
        // A full disk keeps nobody from connecting: the will ends with the process then.
        if (wills.get(owner.id)?.will === will) changes.remove('wills', { client_id: owner.id });
      }
    },
    get: (clientId) => wills.get(clientId)?.will,
    remove(owner) {
      const kept = wills.get(owner.id);
      // The end of an earlier connection must not take the will of the one that replaced it.
      if (!kept || (kept.owner !== owner && kept.owner.closed === false)) return undefined;
      end(owner.id);
      return kept.will;
    },
    end,
    rewrite() {
      for (const { owner, will } of wills.values()) store(owner, will);
    },
    all: () => [...wills.values()].map(({ will }) => will),
  };
}

/** Seconds between the end of the connection and the will: it is sent no later than the session ends. */
function delayOf({ version, sessionExpiryInterval = 0 }: WillOwner, will: Will): number {
  if (version !== 5) return 0;
  return Math.min(will.properties?.willDelayInterval ?? 0, sessionExpiryInterval);
}
