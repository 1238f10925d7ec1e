import type { LimitSettings } from '../core/security/limit-settings.ts';
import type { KeySettings } from '../adapters/secrets/key-source.ts';
import type { ConfirmSettings } from '../core/command/approval-types.ts';
import type { Retention } from '../core/telemetry/retention.ts';
import type { OAuthSettings } from './oauth-settings.ts';
import type { TlsFields, TlsSettings } from './tls-settings.ts';

interface RemoteStore {
  /** Address without credentials, such as `http://127.0.0.1:8086` or `postgres://127.0.0.1:5432`. */
  url: string;
  /** Most bytes that may wait on disk (`spool-<kind>.db` in the data directory) while the store is away. */
  spoolMaxBytes: number;
}

/** A store elsewhere, with the spool in front of it. */
export type RemoteStoreSettings =
  | (RemoteStore & { kind: 'influxdb1'; database: string; username: string; password: string })
  | (RemoteStore & { kind: 'influxdb2'; organization: string; bucket: string; token: string })
  | (RemoteStore & { kind: 'influxdb3'; database: string; token: string })
  | (RemoteStore & { kind: 'postgresql'; database: string; username: string; password: string });

/** Where telemetry is kept. */
export type StoreSettings = { retention: Retention } & (
  | {
      kind: 'sqlite';
      /** Blank: `telemetry.db` in the hub's data directory. */
      file: string;
    }
  | RemoteStoreSettings
);

/** Which MQTT broker the hub uses. */
export type BrokerSettings =
  | { kind: 'embedded'; host: string; port: number; tls?: TlsFields }
  | {
      kind: 'external';
      url: string;
      clientId: string;
      username?: string;
      password?: string;
      /** Options of node:tls. */
      tls?: object;
    };

/** How long the audit log is kept; 0 is without end or bound. */
export interface AuditSettings {
  days: number;
  maxMegabytes: number;
}

/** All a hub is made from. Two equal settings make the same hub: it is kept over a deploy then. */
export interface HubSettings {
  dataDir: string;
  /** Address of the HTTP server as a person on this machine reaches it. */
  baseUrl?: string;
  /** From the root of the HTTP server, as are the other two. */
  rpcPath: string;
  wsPath: string;
  metricsPath: string;
  /** Where links of approvals lead; `/approve/` unless told. */
  approvePath?: string;
  /** Of MCP; none without it. */
  mcpPath?: string;
  /** In front of `/tools`, `/asyncapi.json` and `/llms.txt`, from the root; undefined: they are not served. */
  documentsPath?: string | undefined;
  /** IANA time zone for words such as "today" of who names none; that of the machine unless told. */
  timeZone?: string | undefined;
  /** Seconds; what devices are told to keep to. */
  heartbeatInterval: number;
  telemetryInterval: number;
  /** Milliseconds. */
  commandTimeoutMs: number;
  settleTimeoutMs: number;
  unknownTypes: 'learn' | 'refuse';
  maxDevices: number;
  /** How long the keys of devices live; 0 is for ever. */
  deviceKeyDays: number;
  adminKey: string | undefined;
  registrationKey: string | undefined;
  /** Where the key is that seals secrets at rest; empty for the file in the data directory. */
  secretKey: KeySettings;
  /** Whose access tokens are taken; undefined for nobody's. */
  oauth?: OAuthSettings | undefined;
  /** What is borne from outside; the defaults unless told. */
  limits?: LimitSettings;
  /** How it is reached over TLS; undefined for not at all. */
  tls?: TlsSettings | undefined;
  /** A year in at most a gigabyte unless told. */
  audit?: AuditSettings;
  /** What needs somebody's word; destructive and critical commands of language models unless told. */
  confirm?: ConfirmSettings;
  broker: BrokerSettings;
  store: StoreSettings;
}
