import type { Clock } from '../clock.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import { invalidParam, optionalString } from '../params.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError, toErrorObject, type ErrorObject } from '../rpc/errors.ts';
import { canonical } from '../schema/canonical.ts';
import { cleanText } from '../text.ts';

const dayMs = 86_400_000;
const longestKey = 128;
const largestKept = 8 * 1_024;

type KeptOutcome = { result: unknown } | { error: ErrorObject };

/** What became of the call that used a key first. */
interface KeptKey {
  id: string;
  /** Id of the principal. */
  of: string;
  fingerprint: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Absent for a batch. */
  command_id?: string;
  outcome?: KeptOutcome;
}

/** A call that may have a key. */
export interface KeyedCall {
  key: string | undefined;
  /** Who calls; keys of different callers are different. */
  of: string;
  /** What has to be the same when the key is repeated. */
  what: JsonObject;
}

/** Has calls with the same key carried out once. */
export interface RequestKeys {
  /** @param outcomeOf what became of a command that was under way when the hub stopped */
  load(outcomeOf: (commandId: string) => KeptOutcome | undefined): Promise<void>;
  /**
   * Carries a call out, or answers what its first use answered; while that is under way, waits for it. A call that fails
   * before `started` was called leaves no trace. @throws RpcError -32602 for a key of another call, -32006 when too many are kept
   * @param carryOut calls `started` before anything is sent, and waits for it
   */
  once<T>(
    call: KeyedCall,
    carryOut: (started: (commandId?: string) => Promise<void>) => Promise<T>,
  ): Promise<T>;
  size(): number;
}

/** Reads `request_key`. @throws RpcError -32602 */
export function readRequestKey(params: JsonObject): string | undefined {
  const key = optionalString(params, 'request_key');
  if (key === undefined) return undefined;
  if (key === '' || key.length > longestKey || cleanText(key, longestKey) !== key)
    throw invalidParam('request_key', `request_key is plain text of 1 to ${longestKey} characters`);
  return key;
}

/**
 * Keeps keys for a day, in memory and stored. There is no room for more than `most` of them, and for `mostOfOne` of one
 * principal: what is promised for a day is not forgotten earlier.
 */
export function createRequestKeys(deps: {
  records: RecordStore;
  clock: Clock;
  ids: Pick<Ids, 'hash'>;
  log: Log;
  most?: number;
  mostOfOne?: number;
}): RequestKeys {
  const { records, clock, ids, log, most = 10_000, mostOfOne = 2_000 } = deps;
  /** The oldest first. */
  const kept = new Map<string, KeptKey>();
  const running = new Map<string, Promise<unknown>>();
  const counts = new Map<string, number>();

  const count = (of: string, change: 1 | -1): void => {
    const next = (counts.get(of) ?? 0) + change;
    if (next > 0) counts.set(of, next);
    else counts.delete(of);
  };
  const enter = (entry: KeptKey): void => {
    kept.set(entry.id, entry);
    count(entry.of, 1);
  };
  const leave = (entry: KeptKey): void => {
    if (kept.delete(entry.id)) count(entry.of, -1);
  };
  const store = (entry: KeptKey): Promise<void> => records.put('request_key', entry.id, entry);
  const forgetOld = (): void => {
    for (const entry of kept.values()) {
      if (entry.at + dayMs > clock.now() || running.has(entry.id)) return;
      leave(entry);
      records
        .remove('request_key', entry.id)
        .catch((error: unknown) => log.warn(`could not remove a request key: ${String(error)}`));
    }
  };
  const requireRoom = (of: string): void => {
    const isFull = kept.size >= most;
    if (!isFull && (counts.get(of) ?? 0) < mostOfOne) return;
    const oldest = [...kept.values()].find((entry) => isFull || entry.of === of);
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      'too many request keys are kept; each is for a day',
      {
        field: 'request_key',
        limit: isFull ? most : mostOfOne,
        retry_after_ms: Math.max(1, (oldest?.at ?? clock.now()) + dayMs - clock.now()),
      },
    );
  };

  const first = async <T>(
    entry: KeptKey,
    carryOut: (started: (commandId?: string) => Promise<void>) => Promise<T>,
  ): Promise<T> => {
    let stored: Promise<void> | undefined;
    const started = (commandId?: string): Promise<void> => {
      if (commandId !== undefined) entry.command_id = commandId;
      return (stored ??= store(entry));
    };
    const keep = async (outcome: KeptOutcome): Promise<void> => {
      if (!stored) {
        leave(entry);
        return;
      }
      entry.outcome = bounded(outcome);
      // What was done was done: the caller has to hear of that, whatever the store says.
      await store(entry).catch((error: unknown) =>
        log.error(`could not keep the answer of a request key: ${String(error)}`),
      );
    };
    try {
      const result = await carryOut(started);
      await keep({ result });
      return result;
    } catch (error) {
      await keep({ error: toErrorObject(error) });
      throw error;
    }
  };

  return {
    async load(outcomeOf) {
      const all = await records.all<KeptKey>('request_key');
      for (const entry of all.sort((a, b) => a.at - b.at)) {
        entry.outcome ??= (entry.command_id !== undefined && outcomeOf(entry.command_id)) || {
          error: stopped.toObject(),
        };
        enter(entry);
      }
      forgetOld();
    },
    once<T>(
      { key, of, what }: KeyedCall,
      carryOut: (started: (commandId?: string) => Promise<void>) => Promise<T>,
    ): Promise<T> {
      if (key === undefined) return carryOut(() => Promise.resolve());
      forgetOld();
      const id = ids.hash(JSON.stringify([of, key]));
      const fingerprint = ids.hash(canonical(what));
      const known = kept.get(id);
      if (!known) {
        requireRoom(of);
        const entry: KeptKey = { id, of, fingerprint, at: clock.now() };
        enter(entry);
        const run = first(entry, carryOut).finally(() => running.delete(id));
        running.set(id, run);
        return run;
      }
      if (known.fingerprint !== fingerprint)
        throw invalidParam(
          'request_key',
          'this request_key was used for another command, other arguments or another device; take a new key for each command',
          { ...(known.command_id !== undefined && { command_id: known.command_id }) },
        );
      const run = running.get(id) as Promise<T> | undefined;
      return run ?? Promise.resolve(answerOf(known) as T);
    },
    size: () => kept.size,
  };
}

const stopped = new RpcError(
  ErrorCode.InternalError,
  'the hub stopped while this was under way; command.list tells what became of it',
);

/** @throws RpcError the first use ended with */
function answerOf({ outcome }: KeptKey): unknown {
  if (!outcome) throw stopped;
  if ('result' in outcome) return outcome.result;
  const { code, data } = outcome.error;
  const { reason, ...details } = (data ?? {}) as { reason?: string };
  throw new RpcError(code as ErrorCode, reason ?? 'the command failed', details);
}

/** A large result is not kept: its size and the members that say what became of the command are. */
function bounded(outcome: KeptOutcome): KeptOutcome {
  if (jsonSize(outcome) <= largestKept) return outcome;
  const note = { not_kept: true, bytes: jsonSize(outcome) };
  if ('error' in outcome) {
    const { reason } = (outcome.error.data ?? {}) as { reason?: string };
    return { error: { ...outcome.error, data: { reason: reason?.slice(0, 500), ...note } } };
  }
  const known = Object.entries(outcome.result as JsonObject).filter(([name]) => small.has(name));
  return { result: { ...Object.fromEntries(known), result: note } };
}

/** Of the results of a command and of a batch. */
const small = new Set(['status', 'command_id', 'execution_time_ms', 'confirmed', 'summary']);
