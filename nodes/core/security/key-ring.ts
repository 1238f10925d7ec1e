import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { KeyRecord, KeyRing, Principal } from './types.ts';

/** What is longer is nobody's key and not worth hashing. */
const maxKeyLength = 512;
/** Shortest key somebody may choose. */
const minKeyLength = 8;

/** The keys, found by their hash: a wrong key costs one hash and one look-up, whatever it is. */
export function createKeyRing(deps: { records: RecordStore; ids: Ids; clock: Clock }): KeyRing & {
  /** Reads the stored keys; to be awaited before anybody is let in. */
  load(): Promise<void>;
} {
  const { records, ids, clock } = deps;
  const byId = new Map<string, KeyRecord>();
  const byHash = new Map<string, Principal>();
  const byDevice = new Map<string, Set<KeyRecord>>();

  const remember = (record: KeyRecord): void => {
    byId.set(record.id, record);
    byHash.set(record.hash, principalOf(record));
    if (record.device_id === undefined) return;
    const keys = byDevice.get(record.device_id) ?? new Set();
    byDevice.set(record.device_id, keys.add(record));
  };

  const forget = (record: KeyRecord): void => {
    byId.delete(record.id);
    byHash.delete(record.hash);
    if (record.device_id !== undefined) byDevice.get(record.device_id)?.delete(record);
  };

  return {
    async load() {
      for (const record of await records.all<KeyRecord>('key')) remember(record);
    },

    authenticate(key) {
      if (key.length === 0 || key.length > maxKeyLength) return undefined;
      const principal = byHash.get(ids.hash(key));
      return principal && { ...principal };
    },

    async issue(holder) {
      const key = ids.secret(prefixOf(holder));
      const record: KeyRecord = {
        id: ids.uuid(),
        hash: ids.hash(key),
        ...holder,
        created_at: new Date(clock.now()).toISOString(),
      };
      await records.put('key', record.id, record);
      remember(record);
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
      const same = byHash.get(hash);
      if (same && same.id !== holder.id) {
        throw new RpcError(
          ErrorCode.InvalidParams,
          `the ${holder.id} key is the same as the key of ${same.id}; every holder needs its own`,
        );
      }
      if (
        known &&
        same &&
        known.role === holder.role &&
        known.registration === holder.registration
      ) {
        return;
      }
      const record = { ...holder, hash, created_at: new Date(clock.now()).toISOString() };
      await records.put('key', record.id, record);
      if (known) forget(known);
      remember(record);
    },

    has: (id) => byId.has(id),

    idsOf: (deviceId) => [...(byDevice.get(deviceId) ?? [])].map(({ id }) => id),

    async revokeDevice(deviceId) {
      const keys = [...(byDevice.get(deviceId) ?? [])];
      for (const record of keys) forget(record);
      byDevice.delete(deviceId);
      await Promise.all(keys.map((record) => records.remove('key', record.id)));
    },
  };
}

function prefixOf(holder: Pick<KeyRecord, 'role' | 'registration'>): string {
  return holder.registration ? 'registration' : holder.role;
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
