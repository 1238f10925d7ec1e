/** What the hub keeps besides telemetry; each kind is a set of JSON documents by id. */
export const recordKinds = [
  'device',
  'sensor',
  'schema',
  'key',
  'alert',
  'command',
  'key_check',
  'behaviour',
  'lockdown',
  'signing_secret',
  'signature_id',
  'request_key',
  'approval',
] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Port: durable JSON documents by kind and id (see test/contract/record-store.ts). */
export interface RecordStore {
  /** Every document of one kind, in no particular order. */
  all<T>(kind: RecordKind): Promise<T[]>;
  /** Writes one document; resolves once it would survive a crash. Calls made close together share one commit. */
  put(kind: RecordKind, id: string, record: object): Promise<void>;
  /** Removes one document; resolves once that is durable. A document that is not there is no error. */
  remove(kind: RecordKind, id: string): Promise<void>;
  /** Copies all documents to a new file while the store goes on. @throws Error when there is such a file already */
  backup(file: string): Promise<void>;
  /** Commits what is under way and closes. */
  close(): Promise<void>;
}
