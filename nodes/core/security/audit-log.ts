import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import type { Log } from '../log.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { canonical } from '../schema/canonical.ts';
import type { AuditEvent } from './audit.ts';
import type { ChainHead, ChainRow } from './audit-chain.ts';
import { createAuditFolding, mayFold } from './audit-folding.ts';
import { readAuditQuery, type AuditQuery } from './audit-query.ts';

/** How long events are kept; a bound that is 0 is none. */
export interface AuditRetention {
  days: number;
  maxBytes: number;
}

/** What retention removed: the chain begins behind this row now. */
export interface Pruned {
  rows: number;
  anchor: ChainHead;
}

/** Port: the rows of the log on disk, in a chain. */
export interface AuditStore {
  /** All of them, in their order, in one commit that is on disk when it resolves. Events are canonical JSON. */
  append(events: readonly string[]): Promise<void>;
  /** Newest first. */
  query(query: AuditQuery): Promise<ChainRow[]>;
  /** Removes a part of what is older than `before` (ISO 8601) or too much; `rows` is 0 when nothing is left to do. */
  prune(before: string | undefined, maxBytes: number): Promise<Pruned>;
  backup(copy: string): Promise<void>;
  close(): Promise<void>;
}

/** Events as `audit.query` answers them. */
export interface AuditPage {
  events: (AuditEvent & { seq: number })[];
  cursor?: string;
}

export interface AuditLog {
  /** Takes an event; it is on disk a moment later. */
  write(event: AuditEvent): void;
  /** Resolves when what was written is on disk, or could not be put there at the first try. */
  settled(): Promise<void>;
  /** @throws RpcError -32006 when so much waits for a disk that takes nothing that no command can go on record */
  requireRoom(): void;
  /** Params as in docs/protocol.md. */
  query(params: JsonObject): Promise<AuditPage>;
  backup(copy: string): Promise<void>;
  /** Writes what waits and what was counted. */
  close(): Promise<void>;
}

export interface AuditLogLimits {
  /** What is the same within this time is one event. */
  foldMs: number;
  /** How many different kinds within that time have events of their own. */
  mostKinds: number;
  /** Events that wait for the disk. */
  mostWaiting: number;
  retryMs: number;
}

const defaults: AuditLogLimits = {
  foldMs: 60_000,
  mostKinds: 1_000,
  mostWaiting: 5_000,
  retryMs: 1_000,
};
const mostInGroup = 500;
const pruneEveryMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * Keeps the audit trail on disk. Events that wait for the disk are in memory, in groups; while it takes none, what may
 * be folded is only counted once `mostWaiting` wait, and no new commands are taken.
 */
export function createAuditLog(deps: {
  store: AuditStore;
  retention: AuditRetention;
  clock: Clock;
  log: Log;
  limits?: Partial<AuditLogLimits>;
}): AuditLog {
  const { store, retention, clock, log } = deps;
  const limits = { ...defaults, ...deps.limits };
  const folding = createAuditFolding(limits);
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  let failing = false;
  let closed = false;
  let cancelFold: (() => void) | undefined;
  let cancelRetry: (() => void) | undefined;
  let cancelPrune: () => void = () => undefined;

  const isFull = (): boolean => waiting.length >= limits.mostWaiting;
  const writeOut = async (): Promise<void> => {
    // What is told in the same turn belongs to the first group already.
    await Promise.resolve();
    while (waiting.length > 0) {
      const group = waiting.slice(0, mostInGroup);
      try {
        await store.append(group);
      } catch (error) {
        if (!failing) log.error(`the audit log cannot be written: ${String(error)}`);
        failing = true;
        break;
      }
      waiting = waiting.slice(group.length);
      if (failing) log.info('the audit log is written again');
      failing = false;
    }
    writing = undefined;
    if (failing && !closed) {
      cancelRetry ??= clock.after(limits.retryMs, () => {
        cancelRetry = undefined;
        begin();
      });
    }
  };
  const begin = (): void => {
    writing ??= writeOut();
  };
  const add = (event: AuditEvent): void => {
    waiting.push(canonical(event));
    if (!cancelRetry) begin();
  };
  const flushFolded = (): void => {
    cancelFold = undefined;
    if (isFull()) foldLater();
    else for (const event of folding.flush()) add(event);
  };
  const foldLater = (): void => {
    cancelFold ??= clock.after(limits.foldMs, flushFolded);
  };

  const pruneAll = async (): Promise<void> => {
    const { days, maxBytes } = retention;
    const before = days > 0 ? new Date(clock.now() - days * dayMs).toISOString() : undefined;
    let rows = 0;
    let pruned = await store.prune(before, maxBytes);
    for (; pruned.rows > 0 && !closed; pruned = await store.prune(before, maxBytes))
      rows += pruned.rows;
    if (rows === 0) return;
    add({
      at: new Date(clock.now()).toISOString(),
      ...{ action: 'system', outcome: 'ok', subject: 'audit.retention' },
      details: { rows, up_to: pruned.anchor.seq, hash: pruned.anchor.hash },
    });
  };
  const pruneLater = (ms: number): void => {
    cancelPrune = clock.after(ms, () => {
      pruneAll()
        .catch((error: unknown) => log.error(`the audit log was not pruned: ${String(error)}`))
        .finally(() => {
          if (!closed) pruneLater(pruneEveryMs);
        });
    });
  };
  if (retention.days > 0 || retention.maxBytes > 0) pruneLater(0);

  const settled = async (): Promise<void> => {
    // After a failure the next try is a while away.
    while (writing) await writing;
  };

  return {
    write(event) {
      if (closed) return;
      if (!mayFold(event)) {
        add(event);
        return;
      }
      foldLater();
      if (isFull()) {
        folding.count(event);
        return;
      }
      const now = folding.take(event);
      if (now) add(now);
    },
    settled,
    requireRoom() {
      if (!isFull()) return;
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        'the audit log cannot be written, so no command can go on record: make room on its disk',
        { retry_after_ms: limits.retryMs },
      );
    },
    async query(params) {
      const query = readAuditQuery(params);
      await settled();
      const rows = await store.query({ ...query, limit: query.limit + 1 });
      const page = rows.slice(0, query.limit);
      const last = page.at(-1);
      return {
        events: page.map(({ seq, event }) => ({ seq, ...(JSON.parse(event) as AuditEvent) })),
        ...(rows.length > page.length && last && { cursor: String(last.seq) }),
      };
    },
    async backup(copy) {
      await settled();
      await store.backup(copy);
    },
    async close() {
      cancelFold?.();
      cancelPrune();
      cancelRetry?.();
      cancelRetry = undefined;
      for (const event of folding.flush()) add(event);
      closed = true;
      if (waiting.length > 0) begin();
      await settled();
      if (waiting.length > 0) log.error(`${waiting.length} events could not be put on record`);
      await store.close();
    },
  };
}
