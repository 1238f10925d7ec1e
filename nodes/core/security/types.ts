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

/** Somebody who proved who they are. Plain JSON: it travels on the wires as `msg.rpc.principal`. */
export interface Principal {
  /** Id of the key that was used. */
  id: string;
  role: Role;
  /** Set for a device's own key: what it may act for. */
  device_id?: string;
  /** A key that may do nothing but register devices. */
  registration?: boolean;
}

/** A key as it is kept: never the key itself. */
export interface KeyRecord {
  id: string;
  hash: string;
  role: Role;
  device_id?: string;
  registration?: boolean;
  /** ISO 8601. */
  created_at: string;
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
