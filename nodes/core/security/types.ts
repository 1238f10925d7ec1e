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
  id: string;
  hash: string;
  role: Role;
  device_id?: string;
  registration?: boolean;
  name?: string;
  scope?: Scope;
  /** ISO 8601, as are the others. */
  created_at: string;
  expires_at?: string;
}

/** The keys that exist, in memory and in the record store. */
export interface KeyRing {
  /** Who holds this key, if anybody. Takes the same time for every wrong key of one length. */
  authenticate(key: string): Principal | undefined;
  /** Makes a key and stores its hash; the key itself is in this answer and nowhere else. */
  issue(holder: {
    role: Role;
    device_id?: string;
    registration?: boolean;
  }): Promise<{ key: string; record: KeyRecord }>;
  /** Makes a given key (from the environment) the only one of its holder. */
  adopt(key: string, holder: { id: string; role: Role; registration?: boolean }): Promise<void>;
  has(id: string): boolean;
  /** Ids of the keys of one device. */
  idsOf(deviceId: string): string[];
  /** Removes every key of one device. */
  revokeDevice(deviceId: string): Promise<void>;
}
