import type { Client, PublishPacket } from 'aedes';
import type { Log } from '../../core/log.ts';
import type { Principal } from '../../core/security/types.ts';
import { openSessionStorage } from '../storage/mqtt-sessions/session-storage.ts';
import type { StoredSessions } from '../storage/mqtt-sessions/session-file.ts';
import type { StartThread } from '../storage/worker-host.ts';
import { noStorage, type WriteBehind } from '../storage/mqtt-sessions/write-behind.ts';
import type { Audience } from './audience.ts';
import type { BrokerLimits } from './limits.ts';
import { createKeepPublication, type Channel } from './sessions/keep-publication.ts';
import { createKeptState } from './sessions/kept-state.ts';
import { createLeftWills, type LeftWill } from './sessions/left-wills.ts';
import {
  createPersistence,
  type AedesPersistence,
  type PersistenceDeps,
} from './sessions/persistence.ts';
import { restoreSessions } from './sessions/restore-sessions.ts';
import { createSessionClaims, type SessionClaims } from './sessions/session-claims.ts';
import { createSessionHolders } from './sessions/session-holders.ts';
import { createThrottledWarn } from './throttled-log.ts';

/** Where sessions are kept over the end of the process. */
export interface SessionsFile {
  path: string;
  /** Whether a principal of an earlier process is still somebody: the sessions of others end. */
  isCurrent: (principal: Principal) => boolean;
  /** Told how many changes each commit carried. */
  onCommit?: (changes: number) => void;
  /** Runs the worker file. */
  startThread?: StartThread;
}

/** Who holds which client id, and what is kept for it. */
export interface Sessions extends Pick<SessionClaims, 'claim' | 'release'> {
  /** What aedes asks for all that is to outlive a connection. */
  persistence: AedesPersistence;
  /** Publishes the wills that an earlier process left, from now on. */
  start(publishWill: (will: LeftWill) => Promise<void>): void;
  /** The session of this client id ended. */
  forget(clientId: string): void;
  /** Ends all kept sessions of a principal; resolves when they are gone from the disk. */
  endAll(principalId: string): Promise<void>;
  /** Ends the sessions that nobody came back to, and drops messages that waited too long. */
  sweep(): void;
  /** Whether a QoS 2 message of this client has been taken already and waits for its PUBREL. */
  tookQos2: (clientId: string, messageId: number) => boolean;
  /** Whether there is room for a message of this client, should it be retained. */
  mayRetain: (client: Client, packet: PublishPacket) => boolean;
  /**
   * Publishes what must be on disk before it is acknowledged. Resolves when it may be acknowledged, and rejects when
   * it must not be; undefined when nothing has to be kept.
   */
  keep: (client: Client, packet: PublishPacket) => Promise<void> | undefined;
  /** Whether a message is on its way to a client that came back, as part of what waited for it. */
  isOffered(client: Client, packet: PublishPacket): boolean;
  /** A message is not forwarded, as the client may not hear it any more, or reads too slowly. */
  notForwarded(
    client: Client,
    packet: PublishPacket,
    cause: 'not_authorized' | 'slow_subscriber',
  ): void;
  /** Messages for clients that were dropped, by cause. */
  dropped: () => Record<string, number>;
  close(): Promise<void>;
}

/**
 * Opens what is kept for clients, and bounds it.
 * @param options without `file` all sessions end with the process; `mayKeep` tells whether a client may hold a
 *   subscription; `channel` is the broker's own
 * @throws Error that says what is wrong with the file
 */
export async function openSessions(options: {
  file: SessionsFile | undefined;
  limits: BrokerLimits;
  audience: Pick<Audience, 'kept' | 'released'>;
  mayKeep: PersistenceDeps['mayKeep'];
  channel: () => Channel;
  log: Log;
}): Promise<Sessions> {
  const { file, limits, audience, log } = options;
  const now = Date.now;
  const { stored, changes } = await openStorage(file, limits, log, () => {
    noteLife();
    for (const part of [holders, kept, leftWills]) part.rewrite();
  });
  const holders = createSessionHolders(changes);
  const kept = createKeptState({
    ...{ changes, limits, audience, now },
    holderOf: (clientId) => holders.get(clientId)?.principal,
    isConnected: (clientId) => holders.get(clientId)?.client?.closed === false,
  });
  const restored =
    stored && file
      ? restoreSessions({ stored, changes, holders, kept, isCurrent: file.isCurrent, now: now() })
      : { wills: [], damaged: 0 };
  if (restored.damaged > 0) {
    log.error(`${file?.path ?? ''}: ${restored.damaged} damaged rows were dropped`);
  }
  const leftWills = createLeftWills(restored.wills, changes, now, limits.willGraceMs);
  const claims = createSessionClaims({ holders, kept, leftWills, limits, now });
  const publisherOf = (clientId: string | undefined): string | undefined =>
    clientId === undefined ? undefined : holders.get(clientId)?.principal.id;
  const persistence = createPersistence({
    ...{ ...kept, changes, now, publisherOf },
    mayKeep: options.mayKeep,
    isResumed: (clientId) => holders.get(clientId)?.resumed ?? false,
  });

  const noteLife = (): void => {
    if (holders.kept() > 0) changes.put('run', { name: 'alive', value: now() });
  };
  noteLife();

  return {
    persistence,
    start: leftWills.start,
    async claim(client, principal, cleanStart) {
      const isTheirs = await claims.claim(client, principal, cleanStart);
      if (isTheirs && client.sessionExpiryInterval > 0) noteLife();
      return isTheirs;
    },
    release: claims.release,
    forget: claims.end,
    async endAll(principalId) {
      leftWills.endAll(principalId);
      for (const clientId of holders.heldBy(principalId)) {
        kept.wills.end(clientId);
        claims.end(clientId);
      }
      await changes.flushed();
    },
    sweep() {
      noteLife();
      claims.endExpired();
      kept.purge(now());
    },
    tookQos2: kept.received.has,
    mayRetain: (client, packet) => kept.retained.hasRoom(packet, publisherOf(client.id)),
    keep: createKeepPublication({
      ...{ ...kept, changes, publisherOf, channel: options.channel },
      maxReceived: limits.maxQueuedMessages,
    }),
    isOffered: (client, packet) =>
      packet.messageId === undefined && kept.queues.of(client.id)?.find(packet)?.offered === true,
    notForwarded(client, packet, cause) {
      const isQueued = kept.queues.of(client.id)?.find(packet) !== undefined;
      if (cause === 'not_authorized' || !isQueued) kept.onDrop(cause);
    },
    dropped: kept.dropped,
    async close() {
      leftWills.stop();
      noteLife();
      await changes.close();
    },
  };
}

async function openStorage(
  file: SessionsFile | undefined,
  limits: BrokerLimits,
  log: Log,
  rewrite: () => void,
): Promise<{ stored?: StoredSessions; changes: WriteBehind }> {
  if (!file) return { changes: noStorage };
  const { path, onCommit, startThread } = file;
  const warn = createThrottledWarn(log, 1);
  const storage = await openSessionStorage({
    ...{ file: path, maxBytes: limits.maxSessionFileBytes, onCommit, startThread },
    onFailure: (error) => warn(`MQTT sessions cannot be written to ${path}: ${String(error)}`),
    onReopened(why, quarantined) {
      const aside = quarantined === undefined ? '' : `; the damaged file is ${quarantined} now`;
      log.error(`${path}: ${why}; MQTT sessions are written anew${aside}`);
      rewrite();
    },
  });
  if (storage.quarantined !== undefined) {
    log.error(
      `${path} was damaged and is ${storage.quarantined} now; MQTT sessions, retained messages and wills begin anew`,
    );
  }
  return storage;
}
