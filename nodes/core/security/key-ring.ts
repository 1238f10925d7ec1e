import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import { invalidParam } from '../params.ts';
import { createSerially } from '../serial.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { KeyEnd, KeyHolder, KeyInfo, KeyRecord, KeyRing, Principal } from './types.ts';

/** What is longer is nobody's key and not worth hashing. */
const maxKeyLength = 512;
/** Shortest key somebody may choose. */
const minKeyLength = 8;
/** How exactly the time of the last use is kept in memory and on disk (ms); a call is not worth a write. */
const usedStepMs = 1_000;
const usedKeptMs = 3_600_000;
/** Timers cannot wait longer than some 24 days. */
const longestWaitMs = 86_400_000;

interface Entry {
  record: KeyRecord;
  principal: Principal;
  /** Milliseconds since the epoch, as are the others. */
  expiresAt: number;
  previousUntil: number;
  usedAt: number;
  /** What the record store has of that. */
  usedKept: number;
}

/** The keys, found by their hash: a wrong key costs one hash and one look-up, whatever it is. */
export function createKeyRing(deps: {
  records: RecordStore;
  ids: Ids;
  clock: Clock;
  /** How long the keys of devices live (ms); 0 is for ever. Default 0. */
  deviceKeyMs?: number;
}): KeyRing & {
  /** Reads the stored keys; to be awaited before anybody is let in. */
  load(): Promise<void>;
} {
  const { records, ids, clock, deviceKeyMs = 0 } = deps;
  const byId = new Map<string, Entry>();
  const byHash = new Map<string, Entry>();
  const byDevice = new Map<string, Set<Entry>>();
  const listeners = new Set<(id: string, why: KeyEnd) => void>();
  /** Changes of one key, one after the other. */
  const serially = createSerially();
  let nextDeadline = Infinity;
  let cancelDeadline: (() => void) | undefined;

  const iso = (ms: number): string => new Date(ms).toISOString();
  const remember = (record: KeyRecord): Entry => {
    const usedAt = record.last_used_at === undefined ? 0 : Date.parse(record.last_used_at);
    const entry: Entry = {
      record,
      principal: principalOf(record),
      expiresAt: record.expires_at === undefined ? Infinity : Date.parse(record.expires_at),
      previousUntil: record.previous ? Date.parse(record.previous.until) : Infinity,
      usedAt,
      usedKept: usedAt,
    };
    byId.set(record.id, entry);
    byHash.set(record.hash, entry);
    if (record.previous) byHash.set(record.previous.hash, entry);
    watchDeadlines(entry);
    if (record.device_id !== undefined) {
      const keys = byDevice.get(record.device_id) ?? new Set();
      byDevice.set(record.device_id, keys.add(entry));
    }
    return entry;
  };
  const forget = (entry: Entry): void => {
    const { record } = entry;
    byId.delete(record.id);
    byHash.delete(record.hash);
    if (record.previous) byHash.delete(record.previous.hash);
    if (record.device_id === undefined) return;
    const keys = byDevice.get(record.device_id);
    keys?.delete(entry);
    if (keys?.size === 0) byDevice.delete(record.device_id);
  };
  /** Stores a key in place of the one with its id. */
  const replace = async (next: KeyRecord): Promise<Entry> => {
    const known = byId.get(next.id);
    const used = known && known.usedAt > 0 ? { last_used_at: iso(known.usedAt) } : {};
    const record = { ...next, ...used };
    await records.put('key', record.id, record);
    if (known) forget(known);
    return remember(record);
  };
  const keepUse = (used: Entry): Promise<void> => {
    used.usedKept = used.usedAt;
    const { id } = used.record;
    return serially(id, async () => {
      const entry = byId.get(id);
      if (entry) await records.put('key', id, { ...entry.record, last_used_at: iso(entry.usedAt) });
    });
  };
  /** What the keys of devices live, where that is limited. */
  const expiryOf = (holder: KeyHolder, now: number): { expires_at?: string } =>
    holder.role === 'device' && !holder.registration && deviceKeyMs > 0
      ? { expires_at: iso(now + deviceKeyMs) }
      : {};
  const entryOf = (id: string): Entry => {
    const entry = byId.get(id);
    if (!entry)
      throw invalidParam('key_id', 'no key has this id; key.list lists them', {
        look_up: { method: 'key.list', take: 'keys[].key_id' },
      });
    return entry;
  };
  const end = (id: string, why: KeyEnd): void => {
    for (const listener of listeners) listener(id, why);
  };

  /** Tells of keys whose time is over, when it is. */
  const watchDeadlines = ({
    expiresAt,
    previousUntil,
  }: Pick<Entry, 'expiresAt' | 'previousUntil'>): void => {
    const since = clock.now();
    const next = Math.min(
      expiresAt > since ? expiresAt : Infinity,
      previousUntil > since ? previousUntil : Infinity,
    );
    if (next >= nextDeadline) return;
    nextDeadline = next;
    cancelDeadline?.();
    cancelDeadline = clock.after(Math.min(longestWaitMs, next - since), () => {
      const now = clock.now();
      const isDue = (deadline: number): boolean => deadline > since && deadline <= now;
      nextDeadline = Infinity;
      for (const entry of [...byId.values()]) {
        if (isDue(entry.expiresAt)) end(entry.record.id, 'expired');
        else if (isDue(entry.previousUntil)) end(entry.record.id, 'rotated');
        watchDeadlines(entry);
      }
    });
  };

  /** Somebody must be able to come in and set right what is wrong. */
  const requireAnotherAdmin = (entry: Entry): void => {
    if (!isFullAdmin(entry)) return;
    for (const other of byId.values()) if (other !== entry && isFullAdmin(other)) return;
    throw invalidParam('key_id', 'this is the last key that can administer the hub');
  };

  return {
    async load() {
      for (const record of await records.all<KeyRecord>('key')) remember(record);
    },

    authenticate(key) {
      if (key.length === 0 || key.length > maxKeyLength) return undefined;
      const hash = ids.hash(key);
      const entry = byHash.get(hash);
      const now = clock.now();
      if (!entry || !isOpen(entry, now)) return undefined;
      if (entry.previousUntil <= now && entry.record.previous?.hash === hash) return undefined;
      if (now - entry.usedAt >= usedStepMs) {
        entry.usedAt = now;
        // Not worth an error to whoever comes in; it is tried again with the next hour.
        if (now - entry.usedKept >= usedKeptMs) keepUse(entry).catch(() => undefined);
      }
      return { ...entry.principal };
    },

    async issue(holder) {
      const key = ids.secret(prefixOf(holder));
      const now = clock.now();
      const record: KeyRecord = {
        id: ids.uuid(),
        hash: ids.hash(key),
        ...expiryOf(holder, now),
        ...holder,
        created_at: iso(now),
      };
      await replace(record);
      return { key, record };
    },

    async adopt(key, holder) {
      if (key.length < minKeyLength || key.length > maxKeyLength) {
        throw new RpcError(
          ErrorCode.InvalidParams,
          `the ${holder.id} key must have ${minKeyLength} to ${maxKeyLength} characters`,
        );
      }
      const hash = ids.hash(key);
      const known = byId.get(holder.id);
      const same = byHash.get(hash)?.record;
      if (same && same.id !== holder.id) {
        throw new RpcError(
          ErrorCode.InvalidParams,
          `the ${holder.id} key is the same as the key of ${same.id}; every holder needs its own`,
        );
      }
      const isKnown = known?.record.hash === hash && !known.record.disabled;
      const { role, registration } = known?.record ?? {};
      if (isKnown && role === holder.role && registration === holder.registration) return;
      await serially(holder.id, () => replace({ ...holder, hash, created_at: iso(clock.now()) }));
    },

    has: (id) => byId.has(id),
    isUsable(id) {
      const entry = byId.get(id);
      return entry !== undefined && isOpen(entry, clock.now());
    },
    get: (id) => infoOf(entryOf(id), clock.now()),
    list: () =>
      [...byId.values()]
        .map((entry) => infoOf(entry, clock.now()))
        .sort((a, b) => (a.created_at + a.id < b.created_at + b.id ? -1 : 1)),

    rotate: (id, overlapMs) =>
      serially(id, async () => {
        const { previous: _, ...record } = entryOf(id).record;
        const key = ids.secret(prefixOf(record));
        const now = clock.now();
        const entry = await replace({
          ...record,
          hash: ids.hash(key),
          rotated_at: iso(now),
          ...(overlapMs > 0 && { previous: { hash: record.hash, until: iso(now + overlapMs) } }),
          ...expiryOf(record, now),
        });
        if (overlapMs === 0) end(id, 'rotated');
        return { key, record: infoOf(entry, now) };
      }),

    revoke: (id) =>
      serially(id, async () => {
        const entry = entryOf(id);
        requireAnotherAdmin(entry);
        forget(entry);
        end(id, 'revoked');
        await records.remove('key', id);
      }),

    setDisabled: (id, disabled) =>
      serially(id, async () => {
        const entry = entryOf(id);
        const { disabled: was = false, ...record } = entry.record;
        if (was === disabled) return infoOf(entry, clock.now());
        if (!disabled) return infoOf(await replace(record), clock.now());
        requireAnotherAdmin(entry);
        // At once, also where the disk is slow.
        entry.record = { ...record, disabled };
        end(id, 'disabled');
        return infoOf(await replace(entry.record), clock.now());
      }),

    onEnd(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    idsOf: (deviceId) => [...(byDevice.get(deviceId) ?? [])].map(({ record }) => record.id),

    async revokeDevice(deviceId) {
      const keys = [...(byDevice.get(deviceId) ?? [])];
      for (const entry of keys) forget(entry);
      await Promise.all(keys.map(({ record }) => records.remove('key', record.id)));
    },

    async close() {
      cancelDeadline?.();
      const used = [...byId.values()].filter(({ usedAt, usedKept }) => usedAt > usedKept);
      await Promise.all(used.map(keepUse));
    },
  };
}

const isOpen = ({ record, expiresAt }: Entry, now: number): boolean =>
  !record.disabled && expiresAt > now;

/** A key with which everything can be set right, and that ends by nobody's doing. */
const isFullAdmin = ({ record, expiresAt }: Entry): boolean =>
  record.role === 'llm_admin' &&
  !record.disabled &&
  record.scope === undefined &&
  expiresAt === Infinity;

function prefixOf(holder: Pick<KeyHolder, 'role' | 'registration'>): string {
  return holder.registration ? 'registration' : holder.role;
}

function infoOf({ record, usedAt }: Entry, now: number): KeyInfo {
  const { hash: _, previous, ...info } = record;
  const overlaps = previous !== undefined && Date.parse(previous.until) > now;
  return {
    ...info,
    ...(usedAt > 0 && { last_used_at: new Date(usedAt).toISOString() }),
    ...(overlaps && { previous_until: previous.until }),
  };
}

function principalOf(record: KeyRecord): Principal {
  return {
    id: record.id,
    role: record.role,
    means: 'key',
    ...(record.name === undefined ? {} : { name: record.name }),
    ...(record.scope === undefined ? {} : { scope: record.scope }),
    ...(record.device_id === undefined ? {} : { device_id: record.device_id }),
    ...(record.registration ? { registration: true } : {}),
  };
}
