/** The six roles of the specification (section 6.2). A public promise. */
export const roles = [
  'device',
  'llm_read',
  'llm_write',
  'llm_admin',
  'user_viewer',
  'user_operator',
] as const;
export type Role = (typeof roles)[number];

/** How somebody proved who they are. */
export type Means = 'key' | 'token' | 'certificate';

/** What a key or token may do of what its role may; a part that is missing narrows nothing. */
export interface Scope {
  /** Ids of devices; a sensor is reached through its device. */
  device_ids?: string[];
  device_types?: string[];
  /** A device must carry all of them. */
  labels?: Record<string, string>;
  /** Names of methods, or `prefix.*`. */
  methods?: string[];
  /** Names of commands, or `prefix.*`. */
  commands?: string[];
  /** JSON Schema (2020-12) that the arguments of a command must meet, by command. */
  arguments?: Record<string, Record<string, unknown>>;
  calls_per_minute?: number;
  /** How far back readings may be asked for, such as `7d`. */
  read_window?: string;
}

/** Somebody who proved who they are. Plain JSON: it travels on the wires as `msg.rpc.principal`. */
export interface Principal {
  /** Id of the key that was used, or of the holder of a token or certificate. */
  id: string;
  role: Role;
  /** For people who read the audit log. */
  name?: string;
  means?: Means;
  scope?: Scope;
  /** Set for a device's own key: what it may act for. */
  device_id?: string;
  /** A key that may do nothing but register devices. */
  registration?: boolean;
  /** When what was shown expires, ISO 8601: connections made with it end then. */
  expires_at?: string;
}

/** A key as it is kept: never the key itself. */
export interface KeyRecord {
  /** Stays the same when the key is rotated: sessions and the audit log belong to it. */
  id: string;
  hash: string;
  /** The key before the last rotation, as long as it is still let in. */
  previous?: { hash: string; until: string };
  role: Role;
  device_id?: string;
  registration?: boolean;
  name?: string;
  scope?: Scope;
  /** ISO 8601, as are the others. */
  created_at: string;
  /** Id of the principal that made it. */
  created_by?: string;
  rotated_at?: string;
  expires_at?: string;
  last_used_at?: string;
  /** Switched off until it is switched on again. */
  disabled?: boolean;
}

/** A key as it is listed: all but its hashes. */
export interface KeyInfo extends Omit<KeyRecord, 'hash' | 'previous'> {
  /** Until when the key before the last rotation is let in, too. */
  previous_until?: string;
}

/** Whom a key is for. */
export type KeyHolder = Pick<
  KeyRecord,
  'role' | 'device_id' | 'registration' | 'name' | 'scope' | 'created_by' | 'expires_at'
>;

/** Why a key is let in no more. */
export type KeyEnd = 'revoked' | 'disabled' | 'expired' | 'rotated';

/** The keys that exist, in memory and in the record store. */
export interface KeyRing {
  /**
   * Who holds this key, if anybody may use it now. It is found by its SHA-256, so what a wrong guess takes tells about
   * the hash of the guess only, and nothing of a key of 256 random bits follows from that.
   */
  authenticate(key: string): Principal | undefined;
  /** Makes a key and stores its hash; the key itself is in this answer and nowhere else. */
  issue(holder: KeyHolder): Promise<{ key: string; record: KeyRecord }>;
  /** Makes a given key (from the environment) the only one of its holder. */
  adopt(key: string, holder: { id: string; role: Role; registration?: boolean }): Promise<void>;
  has(id: string): boolean;
  /** Whether this key exists and lets its holder in now. */
  isUsable(id: string): boolean;
  /** @throws RpcError -32602 for an id that no key has */
  get(id: string): KeyInfo;
  /** All of them, the oldest first. */
  list(): KeyInfo[];
  /**
   * Gives the holder a new key. The one before is let in for `overlapMs` more; one from an earlier rotation no longer.
   * @throws RpcError -32602 for an id that no key has
   */
  rotate(id: string, overlapMs: number): Promise<{ key: string; record: KeyInfo }>;
  /** @throws RpcError -32602 for an id that no key has, or when nobody could administer the hub any more */
  revoke(id: string): Promise<void>;
  /** @throws RpcError as `revoke` */
  setDisabled(id: string, disabled: boolean): Promise<KeyInfo>;
  /** Told when a key is let in no more, whatever the reason; the answer stops that. */
  onEnd(listener: (id: string, why: KeyEnd) => void): () => void;
  /** Ids of the keys of one device. */
  idsOf(deviceId: string): string[];
  /** Removes every key of one device. */
  revokeDevice(deviceId: string): Promise<void>;
  /** Keeps when the keys were used last. */
  close(): Promise<void>;
}
