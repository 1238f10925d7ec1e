import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';

/**
 * Ids of QoS 2 messages that were taken and whose PUBREL has not come yet: by them a repetition is recognised. The
 * message itself is not needed for that.
 */
export interface ReceivedIds {
  has: (clientId: string, packetId: number) => boolean;
  /** Resolves when an id that is there is on disk. */
  stored(clientId: string, packetId: number): Promise<void>;
  count(clientId: string): number;
  /** @param keep whether the id outlives the process; then the answer waits for the disk */
  add(clientId: string, packetId: number, keep: boolean): Promise<void>;
  /** Resolves when the id is gone from the disk too: only then the client may use it for another message. */
  remove(clientId: string, packetId: number): Promise<void>;
  /** Removes all of a client. */
  end(clientId: string): void;
  restore(row: SessionRows['received']): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
}

const done = Promise.resolve();

export function createReceivedIds(changes: WriteBehind): ReceivedIds {
  const byClient = new Map<string, Map<number, { stored: Promise<void>; keep: boolean }>>();

  const set = (clientId: string, packetId: number, stored: Promise<void>, keep: boolean): void => {
    const own = byClient.get(clientId);
    if (own) own.set(packetId, { stored, keep });
    else byClient.set(clientId, new Map([[packetId, { stored, keep }]]));
  };
  const forget = (clientId: string, packetId: number): boolean => {
    const own = byClient.get(clientId);
    const id = own?.get(packetId);
    if (!own || !id) return false;
    own.delete(packetId);
    if (own.size === 0) byClient.delete(clientId);
    if (id.keep) changes.remove('received', { client_id: clientId, packet_id: packetId });
    return id.keep;
  };

  return {
    has: (clientId, packetId) => byClient.get(clientId)?.has(packetId) ?? false,
    stored: (clientId, packetId) => byClient.get(clientId)?.get(packetId)?.stored ?? done,
    count: (clientId) => byClient.get(clientId)?.size ?? 0,
    add(clientId, packetId, keep) {
      if (keep) changes.put('received', { client_id: clientId, packet_id: packetId });
      const stored = keep ? changes.flushed() : done;
      set(clientId, packetId, stored, keep);
      // Not taken after all: its repetition is not one.
      stored.catch(() => {
        if (byClient.get(clientId)?.get(packetId)?.stored === stored) forget(clientId, packetId);
      });
      return stored;
    },
    async remove(clientId, packetId) {
      if (forget(clientId, packetId)) await changes.written();
    },
    end(clientId) {
      for (const packetId of byClient.get(clientId)?.keys() ?? []) forget(clientId, packetId);
    },
    rewrite() {
      for (const [client_id, own] of byClient)
        for (const [packet_id, { keep }] of own)
          if (keep) changes.put('received', { client_id, packet_id });
    },
    restore: ({ client_id, packet_id }) => set(client_id, packet_id, done, true),
  };
}
