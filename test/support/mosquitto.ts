import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import { requireTool } from './require-tool.ts';
import { until } from './until.ts';

export interface Mosquitto {
  url: string;
  port: number;
  /** Kills the broker as a crash would. */
  kill(): Promise<void>;
  /** Stops it by SIGTERM, on which it saves what it has. */
  shutDown(): Promise<void>;
  /** Starts it again on the same port, after `kill` or `shutDown`. */
  restart(): Promise<void>;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

/** Starts a real Mosquitto on a free loopback port, in a directory of its own. `config` lines are added. */
export async function startMosquitto(
  ctx: Mocha.Context,
  options: { config?: string[] } = {},
): Promise<Mosquitto> {
  const command = requireTool(ctx, 'mosquitto', 'mosquitto');
  const directory = await mkdtemp(join(tmpdir(), 'mosquitto-'));
  const port = await freePort();
  const configFile = join(directory, 'mosquitto.conf');
  await writeFile(
    configFile,
    [
      `listener ${port} 127.0.0.1`,
      `user ${userInfo().username}`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${directory}/`,
      'autosave_interval 1',
      'autosave_on_changes true',
      ...(options.config ?? []),
      '',
    ].join('\n'),
  );

  const launch = async (): Promise<(signal: NodeJS.Signals) => Promise<void>> => {
    const child = spawn(command, ['-c', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    await until('mosquitto accepts connections', () => {
      if (child.exitCode !== null) throw new Error(`mosquitto ended: ${output}`);
      return accepts(port);
    });
    return async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    };
  };

  let end = await launch();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    kill: () => end('SIGKILL'),
    shutDown: () => end('SIGTERM'),
    async restart() {
      end = await launch();
    },
    async stop() {
      await end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
