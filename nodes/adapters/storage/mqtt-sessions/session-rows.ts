import type { FileKind } from '../open-database.ts';

// Types and not interfaces, because only these fit an index signature.

/** A message, as far as all tables that hold one agree. */
export type MessageColumns = {
  topic: string;
  payload: Uint8Array;
  qos: number;
  /** 0 or 1. */
  retain: number;
  /** MQTT 5 properties as JSON, if there are any. */
  properties: string | null;
  /** Milliseconds since the epoch. */
  expires_at: number | null;
};

/** What is kept of the MQTT clients, by table. */
export type SessionRows = {
  /** Who holds which client id. */
  sessions: {
    client_id: string;
    /** As JSON. */
    principal: string;
    expiry_seconds: number;
    /** Milliseconds since the epoch; null while connected. */
    offline_since: number | null;
  };
  subscriptions: {
    client_id: string;
    filter: string;
    /** QoS, the options of MQTT 5 and the subscription identifier, as JSON. */
    options: string;
  };
  /** Messages that wait for a client, in the order of their sequence. */
  queued: { client_id: string; sequence: number; queued_at: number } & MessageColumns;
  /** Those of them that were given a packet id; `released` is 1 once a PUBREC came. */
  in_flight: { client_id: string; sequence: number; packet_id: number; released: number };
  /** Ids of QoS 2 messages whose PUBREL has not come yet. */
  received: { client_id: string; packet_id: number };
  /** `principal` is the id of who published it; null for the hub itself. */
  retained: { principal: string | null } & MessageColumns;
  /** `delay_seconds` is the will delay, or the session expiry where that is shorter. */
  wills: { client_id: string; principal: string; delay_seconds: number } & MessageColumns;
  /** Facts about the process that had the file open. */
  run: { name: string; value: number };
};

export type SessionTable = keyof SessionRows;

/** A row that is new or another one now; or that is gone. */
export type SessionChange = {
  [Table in SessionTable]:
    | { table: Table; put: SessionRows[Table] }
    | { table: Table; remove: Partial<SessionRows[Table]> };
}[SessionTable];

export interface TableShape {
  key: readonly string[];
  /** The columns that are not part of the key. */
  rest: readonly string[];
}

const message = ['topic', 'payload', 'qos', 'retain', 'properties', 'expires_at'];

export const tableShapes: Record<SessionTable, TableShape> = {
  sessions: { key: ['client_id'], rest: ['principal', 'expiry_seconds', 'offline_since'] },
  subscriptions: { key: ['client_id', 'filter'], rest: ['options'] },
  queued: { key: ['client_id', 'sequence'], rest: ['queued_at', ...message] },
  in_flight: { key: ['client_id', 'sequence'], rest: ['packet_id', 'released'] },
  received: { key: ['client_id', 'packet_id'], rest: [] },
  retained: { key: ['topic'], rest: ['principal', ...message.slice(1)] },
  wills: { key: ['client_id'], rest: ['principal', 'delay_seconds', ...message] },
  run: { key: ['name'], rest: ['value'] },
};

const messageLayout = `
  topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL,
  properties TEXT, expires_at INTEGER`;

export const sessionFile: FileKind = {
  applicationId: 0x6c6c6d73,
  version: 1,
  layout: `
    CREATE TABLE sessions (
      client_id TEXT PRIMARY KEY, principal TEXT NOT NULL, expiry_seconds INTEGER NOT NULL,
      offline_since INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE subscriptions (
      client_id TEXT NOT NULL, filter TEXT NOT NULL, options TEXT NOT NULL,
      PRIMARY KEY (client_id, filter)
    ) WITHOUT ROWID;
    CREATE TABLE queued (
      client_id TEXT NOT NULL, sequence INTEGER NOT NULL, queued_at INTEGER NOT NULL, ${messageLayout},
      PRIMARY KEY (client_id, sequence)
    );
    CREATE TABLE in_flight (
      client_id TEXT NOT NULL, sequence INTEGER NOT NULL, packet_id INTEGER NOT NULL,
      released INTEGER NOT NULL, PRIMARY KEY (client_id, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE received (
      client_id TEXT NOT NULL, packet_id INTEGER NOT NULL, PRIMARY KEY (client_id, packet_id)
    ) WITHOUT ROWID;
    CREATE TABLE retained (principal TEXT, ${messageLayout}, PRIMARY KEY (topic));
    CREATE TABLE wills (
      client_id TEXT PRIMARY KEY, principal TEXT NOT NULL, delay_seconds INTEGER NOT NULL, ${messageLayout}
    );
    CREATE TABLE run (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID`,
};
