import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { requireTool } from './require-tool.ts';
import { until } from './until.ts';

export interface Influxd {
  url: string;
  port: number;
  /** Runs InfluxQL as the administrator, if there is one; gives the results, or fails with the error in them. */
  query(statement: string, database?: string): Promise<InfluxdResult[]>;
  /** Process id, for those who measure it. */
  pid(): number;
  /** Kills the server as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, after `kill`. */
  restart(): Promise<void>;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

export interface InfluxdResult {
  error?: string;
  series?: { name: string; columns: string[]; values: unknown[][] }[];
}

export interface InfluxdOptions {
  /** Makes this administrator and asks everybody for a password. */
  admin?: { username: string; password: string };
  /** Lines for sections of the configuration, such as `{ data: ['index-version = "tsi1"'] }`. */
  config?: Readonly<Record<string, readonly string[]>>;
}

/** Starts a real InfluxDB 1 on free loopback ports, in a directory of its own. */
export function startInfluxd(ctx: Mocha.Context, options?: InfluxdOptions): Promise<Influxd> {
  return launchInfluxd(requireTool(ctx, 'influxd', 'influxdb'), options);
}

/** The same outside of a test; `command` is the path of `influxd`. */
export async function launchInfluxd(
  command: string,
  { admin, config = {} }: InfluxdOptions = {},
): Promise<Influxd> {
  const directory = await mkdtemp(join(tmpdir(), 'influxd-'));
  const port = await freePort();
  const configFile = join(directory, 'influxdb.conf');
  await writeFile(configFile, configuration(directory, port, await freePort(), config, false));
  const url = `http://127.0.0.1:${port}`;
  let credentials: typeof admin;

  const query: Influxd['query'] = async (statement, database = '') => {
    const { username, password } = credentials ?? {};
    const login = `${username}:${password}`;
    const response = await fetch(`${url}/query`, {
      method: 'POST',
      headers: credentials
        ? { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
        : {},
      body: new URLSearchParams({ db: database, epoch: 'ms', q: statement }),
    });
    const answer = (await response.json()) as { results?: InfluxdResult[]; error?: string };
    const error = answer.error ?? answer.results?.find((result) => result.error)?.error;
    if (error !== undefined) throw new Error(`${statement}: ${error}`);
    return answer.results ?? [];
  };

  let server = await launch(command, configFile, url);
  if (admin) {
    const { username, password } = admin;
    const quoted = `'${password.replace(/['\\]/g, '\\$&')}'`;
    await query(`CREATE USER "${username}" WITH PASSWORD ${quoted} WITH ALL PRIVILEGES`);
    await server.kill();
    await writeFile(configFile, configuration(directory, port, await freePort(), config, true));
    server = await launch(command, configFile, url);
    credentials = admin;
  }
  return {
    url,
    port,
    query,
    pid: () => server.pid,
    kill: () => server.kill(),
    async restart() {
      server = await launch(command, configFile, url);
    },
    async stop() {
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(
  command: string,
  configFile: string,
  url: string,
): Promise<{ pid: number; kill(): Promise<void> }> {
  const child = spawn(command, ['-config', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (data: Buffer) => (output = (output + data.toString()).slice(-10_000)));
  await until(
    'influxd answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`influxd ended: ${output}`);
      return (await fetch(`${url}/ping`).catch(() => undefined))?.ok;
    },
    30_000,
  );
  return {
    pid: child.pid ?? 0,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function configuration(
  directory: string,
  port: number,
  rpcPort: number,
  extra: NonNullable<InfluxdOptions['config']>,
  auth: boolean,
): string {
  const sections: Record<string, readonly string[]> = {
    meta: [`dir = "${directory}/meta"`],
    data: [
      `dir = "${directory}/data"`,
      `wal-dir = "${directory}/wal"`,
      'query-log-enabled = false',
    ],
    monitor: ['store-enabled = false'],
    http: [
      `bind-address = "127.0.0.1:${port}"`,
      `auth-enabled = ${auth}`,
      'log-enabled = false',
      'pprof-enabled = false',
    ],
    logging: ['level = "warn"'],
  };
  const text = ['reporting-disabled = true', `bind-address = "127.0.0.1:${rpcPort}"`];
  for (const name of new Set([...Object.keys(sections), ...Object.keys(extra)]))
    text.push(`[${name}]`, ...(sections[name] ?? []), ...(extra[name] ?? []));
  return `${text.join('\n')}\n`;
}
