/** Where telemetry is kept. */
export interface StoreSettings {
  kind: 'sqlite';
  /** Blank: `telemetry.db` in the hub's data directory. */
  file: string;
}

/** Which MQTT broker the hub uses. */
export type BrokerSettings =
  | { kind: 'embedded'; host: string; port: number }
  | {
      kind: 'external';
      url: string;
      clientId: string;
      username?: string;
      password?: string;
      /** Options of node:tls. */
      tls?: object;
    };

/** All a hub is made from. Two equal settings make the same hub: it is kept over a deploy then. */
export interface HubSettings {
  dataDir: string;
  /** From the root of the HTTP server, as is `wsPath`. */
  rpcPath: string;
  wsPath: string;
  /** Seconds; what devices are told to keep to. */
  heartbeatInterval: number;
  telemetryInterval: number;
  /** Milliseconds. */
  commandTimeoutMs: number;
  settleTimeoutMs: number;
  unknownTypes: 'learn' | 'refuse';
  maxDevices: number;
  adminKey: string | undefined;
  registrationKey: string | undefined;
  broker: BrokerSettings;
  store: StoreSettings;
}
