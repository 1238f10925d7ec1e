import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { BrokerLimits } from '../limits.ts';
import {
  bytesOf,
  fromColumns,
  isExpired,
  ownPayload,
  toColumns,
  type Message,
} from './messages.ts';
import { createTopicTree } from './topic-tree.ts';

/** The last message of each topic that was published to be kept. */
export interface RetainedMessages {
  /** Whether there is room for a message, and its publisher's share is not used up. */
  hasRoom(message: Message, principal: string | undefined): boolean;
  /**
   * Keeps a message that there is room for, or forgets that of its topic if it is empty. Resolves when that is on disk.
   * @throws Error when it could not be written; the message before it stays then
   */
  store(message: Message, principal: string | undefined): Promise<void>;
  /** What filters match; a topic that two of them match comes twice. */
  matching(filters: readonly string[]): Generator<Message>;
  restore(row: SessionRows['retained']): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
  /** Forgets what has expired. */
  purge(now: number): void;
}

interface Usage {
  messages: number;
  bytes: number;
}

interface Kept {
  message: Message;
  /** Undefined for the hub itself. */
  principal: string | undefined;
  bytes: number;
  /** The message it replaced, until it is on disk itself. */
  before: Kept | undefined;
  isStored: boolean;
}

export function createRetainedMessages(
  changes: WriteBehind,
  limits: BrokerLimits,
): RetainedMessages {
  const byTopic = createTopicTree<Kept>();
  /** Topics whose message has a time to expire at. */
  const expiring = new Set<string>();
  const all: Usage = { messages: 0, bytes: 0 };
  const shares = new Map<string, Usage>();

  const count = ({ principal, bytes }: Kept, by: 1 | -1): void => {
    all.messages += by;
    all.bytes += by * bytes;
    if (principal === undefined) return;
    const share = shares.get(principal) ?? { messages: 0, bytes: 0 };
    share.messages += by;
    share.bytes += by * bytes;
    if (share.messages === 0) shares.delete(principal);
    else shares.set(principal, share);
  };
  const drop = (topic: string): void => {
    const kept = byTopic.get(topic);
    if (!kept) return;
    byTopic.delete(topic);
    expiring.delete(topic);
    count(kept, -1);
  };
  const keep = (kept: Kept): void => {
    const { topic, messageExpiry } = kept.message;
    drop(topic);
    byTopic.set(topic, kept);
    if (messageExpiry !== undefined) expiring.add(topic);
    count(kept, 1);
  };
  const forget = (topic: string): void => {
    if (byTopic.get(topic)) changes.remove('retained', { topic });
    drop(topic);
  };
  const put = ({ message, principal }: Kept): void =>
    changes.put('retained', { ...toColumns(message), principal: principal ?? null });
  /** Makes the last message that is on disk the one of its topic again. */
  const takeBack = ({ message, before }: Kept): void => {
    let stored = before;
    while (stored && !stored.isStored) stored = stored.before;
    forget(message.topic);
    if (!stored) return;
    keep(stored);
    put(stored);
  };

  const hasRoom: RetainedMessages['hasRoom'] = (message, principal) => {
    if (message.payload.length === 0) return true;
    const before = byTopic.get(message.topic);
    const bytes = bytesOf(message);
    const fits = (usage: Usage | undefined, mine: boolean, most: Usage): boolean => {
      const replaced = mine ? before : undefined;
      const messages = (usage?.messages ?? 0) + (replaced ? 0 : 1);
      return (
        messages <= most.messages &&
        (usage?.bytes ?? 0) + bytes - (replaced?.bytes ?? 0) <= most.bytes
      );
    };
    const inAll = { messages: limits.maxRetainedMessages, bytes: limits.maxRetainedBytes };
    if (!fits(all, true, inAll)) return false;
    if (principal === undefined) return true;
    return fits(shares.get(principal), before?.principal === principal, {
      messages: limits.maxRetainedMessagesPerPrincipal,
      bytes: limits.maxRetainedBytesPerPrincipal,
    });
  };

  return {
    hasRoom,
    async store(message, principal) {
      const { topic } = message;
      if (message.payload.length === 0) {
        forget(topic);
        await changes.flushed();
        return;
      }
      const own = { ...message, payload: ownPayload(message.payload) };
      const before = byTopic.get(topic);
      const kept = { message: own, principal, bytes: bytesOf(own), before, isStored: false };
      keep(kept);
      put(kept);
      try {
        await changes.flushed();
        kept.isStored = true;
        kept.before = undefined;
      } catch (error) {
        if (byTopic.get(topic) === kept) takeBack(kept);
        throw error;
      }
    },
    *matching(filters) {
      for (const filter of filters)
        for (const { message } of byTopic.matchedBy(filter)) yield message;
    },
    restore({ principal, ...row }) {
      const message = fromColumns(row);
      const bytes = bytesOf(message);
      keep({
        ...{ message, principal: principal ?? undefined, bytes },
        ...{ before: undefined, isStored: true },
      });
    },
    rewrite() {
      for (const kept of byTopic.matchedBy('#')) put(kept);
    },
    purge(now) {
      for (const topic of expiring) {
        const kept = byTopic.get(topic);
        if (kept && isExpired(kept.message, now)) forget(topic);
      }
    },
  };
}
