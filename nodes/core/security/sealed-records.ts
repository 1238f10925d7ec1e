import { sensitiveNamesOf } from '../device/sensitive.ts';
import type { DeviceRecord } from '../device/types.ts';
import { isObject, type JsonObject } from '../document.ts';
import type { RecordKind, RecordStore } from '../records.ts';
import type { SecretBox } from './ports.ts';
import { isSealed } from './sealed.ts';
import { changeSensitive } from './sensitive.ts';

interface SealedKind {
  id: string;
  /** Members in which there may be secrets. */
  members: readonly string[];
  names(record: JsonObject): ReadonlySet<string>;
}

const declared = (record: JsonObject): ReadonlySet<string> =>
  sensitiveNamesOf(record as unknown as DeviceRecord);
const none: ReadonlySet<string> = new Set();

const kinds: Partial<Record<RecordKind, SealedKind>> = {
  device: { id: 'device_id', members: ['applied_config', 'operational_status'], names: declared },
  sensor: { id: 'sensor_id', members: ['applied_config'], names: declared },
  command: {
    id: 'command_id',
    members: ['arguments', 'before', 'result', 'error', 'late_answer'],
    names: ({ sensitive }) => (Array.isArray(sensitive) ? new Set(sensitive as string[]) : none),
  },
};

/**
 * A record store that seals, value by value, what devices marked with `x-sensitive` in their configuration and in the
 * arguments and answers of commands. Its users see plain text; records from before are read as they are.
 */
export function sealSensitive(records: RecordStore, box: SecretBox): RecordStore {
  const purposeOf = (kind: string, id: unknown): string => `${kind}:${String(id)}`;

  const sealed = (kind: RecordKind, record: object): object => {
    const how = kinds[kind];
    if (!how) return record;
    const copy = { ...record } as JsonObject;
    const names = how.names(copy);
    if (names.size === 0) return record;
    const purpose = purposeOf(kind, copy[how.id]);
    for (const member of how.members)
      if (copy[member] !== undefined)
        copy[member] = changeSensitive(copy[member], names, (value) =>
          box.seal(JSON.stringify(value), purpose),
        );
    return copy;
  };
  const opened = (how: SealedKind, purpose: string, record: JsonObject): JsonObject => {
    const open = (value: unknown): unknown => {
      if (isSealed(value)) return openValue(box, value, purpose);
      if (Array.isArray(value)) return value.map(open);
      if (!isObject(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, open(item)]));
    };
    const copy = { ...record };
    for (const member of how.members) if (member in copy) copy[member] = open(copy[member]);
    return copy;
  };

  return {
    ...records,
    async all<T>(kind: RecordKind) {
      const stored = await records.all<T>(kind);
      const how = kinds[kind];
      if (!how) return stored;
      return stored.map((record) => {
        const document = record as JsonObject;
        return opened(how, purposeOf(kind, document[how.id]), document) as T;
      });
    },
    put: (kind, id, record) => records.put(kind, id, sealed(kind, record)),
  };
}

/** A text that only looks sealed, or is not of this record, stays what it is. */
function openValue(box: SecretBox, sealed: string, purpose: string): unknown {
  try {
    return JSON.parse(box.open(sealed, purpose)) as unknown;
  } catch {
    return sealed;
  }
}
