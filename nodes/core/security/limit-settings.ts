/** What a hub bears from outside; in all numbers 0 means without this limit. */
export interface LimitSettings {
  /** Addresses and networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: string[];
  /** Addresses and networks that are never banned and have no limits by address. */
  neverBanned: string[];
  /** Origins (`https://app.example`) whose pages may call the hub. */
  allowedOrigins: string[];
  /** Values of the Host header that are served; empty for all. */
  allowedHosts: string[];
  /** Wrong keys of one address until it is banned, and for how long. */
  banAfter: number;
  banMinutes: number;
  /** JSON-RPC calls and their bytes, a second; over ten seconds they may come unevenly. */
  callsPerPrincipal: number;
  bytesPerPrincipal: number;
  callsPerAddress: number;
  bytesPerAddress: number;
  /** Calls that name one device, of all callers. */
  callsPerDevice: number;
  /** Calls of one principal a second, by method. */
  callsPerMethod: Record<string, number>;
  callsInAll: number;
  bytesInAll: number;
  /** Of one registration key. */
  registrationsPerHour: number;
  /** Commands of one principal under way. */
  commandsPerPrincipal: number;
  /** WebSockets of one principal. */
  socketsPerPrincipal: number;
  /** MQTT connections of one principal (registration keys excepted) and of one address. */
  connectionsPerPrincipal: number;
  connectionsPerAddress: number;
  /** New MQTT connections of one address in a minute. */
  connectsPerMinute: number;
  /** How often a client id may be taken over from a client that is connected, in a minute. */
  takeoversPerMinute: number;
  /** MQTT messages and their bytes that one principal publishes, a second. */
  messagesPerPrincipal: number;
  messageBytesPerPrincipal: number;
}

export const defaultLimitSettings: Readonly<LimitSettings> = {
  trustedProxies: [],
  neverBanned: ['127.0.0.1', '::1'],
  allowedOrigins: [],
  allowedHosts: [],
  banAfter: 30,
  banMinutes: 15,
  callsPerPrincipal: 2_000,
  bytesPerPrincipal: 33_554_432,
  callsPerAddress: 2_000,
  bytesPerAddress: 67_108_864,
  callsPerDevice: 1_000,
  callsPerMethod: {},
  callsInAll: 20_000,
  bytesInAll: 268_435_456,
  registrationsPerHour: 0,
  commandsPerPrincipal: 256,
  socketsPerPrincipal: 100,
  connectionsPerPrincipal: 8,
  connectionsPerAddress: 0,
  connectsPerMinute: 6_000,
  takeoversPerMinute: 15,
  messagesPerPrincipal: 20_000,
  messageBytesPerPrincipal: 33_554_432,
};
