import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { findTool, requireTool } from './require-tool.ts';
import { until } from './until.ts';

export interface PostgresServer {
  /** Without credentials and database. */
  url: string;
  port: number;
  /** The superuser. */
  username: string;
  password: string;
  /** Runs a statement as the superuser and gives its rows. */
  query(statement: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Kills the server as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files, after `kill`. */
  restart(): Promise<void>;
  /** Stops all of its processes, so that nobody is answered any more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

const username = 'postgres';
const password = "it's a \\ secret";

/**
 * Starts the real PostgreSQL of Debian on a free loopback port, in a folder of its own; `settings` are lines of its
 * configuration file. Without PostgreSQL the test is skipped, or it throws where there is no test.
 */
export async function startPostgresServer(
  ctx?: Mocha.Context,
  settings: readonly string[] = [],
): Promise<PostgresServer> {
  const tools = findServerTools(ctx);
  const account = serverAccount();
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  if (account) chownSync(folder, account.uid, account.gid);
  const [data, passwordFile] = [join(folder, 'data'), join(folder, 'password')];
  await writeFile(passwordFile, password);
  if (account) chownSync(passwordFile, account.uid, account.gid);
  const initialised = spawnSync(
    join(tools, 'initdb'),
    [
      ...['-D', data, '-U', username, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
    ],
    { ...account, cwd: folder, encoding: 'utf8' },
  );
  if (initialised.status !== 0) throw new Error(`initdb failed: ${initialised.stderr}`);
  const port = await freePort();
  await writeFile(
    join(data, 'postgresql.conf'),
    [
      `port = ${port}`,
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = ''",
      ...settings,
      '',
    ].join('\n'),
  );

  const query = async (
    statement: string,
    database = 'postgres',
  ): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: username, password, database, ssl: false },
    });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(statement);
      return rows;
    } finally {
      await client.end();
    }
  };
  let server: ChildProcess;
  const launch = async (): Promise<void> => {
    server = await launchServer(join(tools, 'postgres'), data, { ...account, cwd: folder }, () =>
      query('SELECT 1'),
    );
  };
  const signalAll = (signal: NodeJS.Signals): void => {
    if (isRunning(server)) for (const pid of familyOf(Number(server.pid))) send(pid, signal);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!isRunning(server)) return;
    signalAll('SIGCONT');
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };

  await launch();
  return {
    ...{ url: `postgres://127.0.0.1:${port}`, port, username, password, query },
    kill: () => end('SIGKILL'),
    restart: launch,
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    async stop() {
      await end('SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

/** Debian keeps the server's programs of each version in a folder that is on nobody's path. */
function findServerTools(ctx: Mocha.Context | undefined): string {
  const [newest] = globSync('/usr/lib/postgresql/*/bin/initdb').sort().reverse();
  const command = newest ?? 'initdb';
  const found = ctx ? requireTool(ctx, command, 'postgresql') : findTool(command);
  if (found === undefined)
    throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  return dirname(found);
}

/** The server refuses to run as root, so that it gets the account its package made. */
function serverAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string): number =>
    Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

async function launchServer(
  command: string,
  data: string,
  options: SpawnOptions,
  answers: () => Promise<unknown>,
): Promise<ChildProcess> {
  for (const deadline = performance.now() + 20_000; ;) {
    const server = spawn(command, ['-D', data], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    server.stderr.on(
      'data',
      (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)),
    );
    const isReady = async (): Promise<boolean> => {
      if (!isRunning(server)) return true;
      return answers().then(
        () => true,
        () => false,
      );
    };
    await until('PostgreSQL answers', isReady, 20_000);
    if (isRunning(server)) return server;
    // Processes that a killed server leaves behind need a moment to notice.
    const isTooSoon = output.includes('still in use') || output.includes('already exists');
    if (!isTooSoon || performance.now() > deadline) throw new Error(`PostgreSQL ended: ${output}`);
  }
}

const isRunning = (server: ChildProcess): boolean =>
  server.exitCode === null && server.signalCode === null;

/** A process and its children. */
function familyOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return [pid, ...stdout.split('\n').filter(Boolean).map(Number)];
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
