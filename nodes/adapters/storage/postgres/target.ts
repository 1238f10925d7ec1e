import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** Which PostgreSQL to use, and as whom. */
export interface PostgresOptions {
  /**
   * `postgres://host:5432`, with `?sslmode=require` for TLS (the certificate is checked; `no-verify` does not check it,
   * `sslrootcert=<file>` names the authority to trust). A folder instead of the host, with its slashes as `%2F`, is
   * that of a Unix socket.
   */
  url: string;
  database: string;
  username?: string;
  password?: string;
  /** Longest that connecting, and each statement, may take. Default 30,000. */
  timeoutMs?: number;
}

/** The options taken apart. */
export interface Target {
  host: string;
  port: number;
  database: string;
  username: string;
  password: string;
  tls: false | ConnectionOptions;
  timeoutMs: number;
}

const tlsModes = ['require', 'verify-ca', 'verify-full'];

/** @throws Error that says what is wrong with the URL or missing */
export function parseTarget(options: PostgresOptions): Target {
  const { url, username, password, timeoutMs = 30_000 } = options;
  const parsed = URL.parse(url);
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol) || parsed.hostname === '')
    throw new Error('the address of PostgreSQL must look like postgres://host:5432');
  const database = options.database || decodeURIComponent(parsed.pathname.slice(1));
  if (database === '') throw new Error('the name of the PostgreSQL database is missing');
  return {
    host: decodeURIComponent(parsed.hostname).replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || 5432),
    database,
    username: username ?? decodeURIComponent(parsed.username),
    password: password ?? decodeURIComponent(parsed.password),
    tls: tlsOptions(parsed.searchParams),
    timeoutMs,
  };
}

/** Where it is, for people. */
export const addressOf = ({ host, port, database }: Target): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}, database ${database}`;

function tlsOptions(parameters: URLSearchParams): false | ConnectionOptions {
  const mode = parameters.get('sslmode') ?? 'disable';
  if (mode === 'disable') return false;
  if (mode === 'no-verify') return { rejectUnauthorized: false };
  if (!tlsModes.includes(mode))
    throw new Error(
      `sslmode ${mode} of PostgreSQL's address must be one of disable, no-verify, ${tlsModes.join(', ')}`,
    );
  const authority = parameters.get('sslrootcert');
  return authority === null ? {} : { ca: readFileSync(authority, 'utf8') };
}
