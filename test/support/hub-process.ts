import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** A hub as `npm start` runs it, on free ports and in a temporary data directory. */
export interface RunningHub {
  url: string;
  mqttUrl: string;
  mqttPort: number;
  adminKey: string;
  registrationKey: string;
  dataDir: string;
  pid: number;
  /** All it has printed so far. */
  output(): string;
  /** SIGTERM, and waits until it is gone; the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Removes the data directory. */
  cleanUp(): Promise<void>;
}

const root = join(import.meta.dirname, '..', '..');

/** Arguments of Node in the script `start` of the package, with the files as absolute paths. */
const startArguments = (): string[] => {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8');
  const { start } = (JSON.parse(manifest) as { scripts: { start: string } }).scripts;
  const [program, ...words] = start.split(' ');
  if (program !== 'node') throw new Error(`the start script begins with ${program}`);
  return words.map((word) => (word.includes('/') ? join(root, word) : word));
};

/**
 * Starts a hub; `dataDir` of an earlier one continues it; `signal` kills it, also before it is ready. Rejects with its
 * output if it could not start, or is not ready in 30 s.
 */
export async function startHub(
  options: { env?: Record<string, string>; dataDir?: string; signal?: AbortSignal } = {},
): Promise<RunningHub> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'llm-iot-hub-')));
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const keys = {
    adminKey: 'test-admin-key-0123456789',
    registrationKey: 'test-registration-key-0123456789',
  };
  const env: Record<string, string | undefined> = {
    ...process.env,
    LLM_IOT_HTTP_PORT: String(httpPort),
    LLM_IOT_MQTT_PORT: String(mqttPort),
    LLM_IOT_DATA_DIR: dataDir,
    LLM_IOT_ADMIN_KEY: keys.adminKey,
    LLM_IOT_REGISTRATION_KEY: keys.registrationKey,
    ...options.env,
  };
  const hub = spawn(process.execPath, startArguments(), {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal, killSignal: 'SIGKILL' }),
  });
  let text = '';
  hub.on('error', (error) => (text += error.message));
  // `once` of node:events would fail with the error of an abort.
  const exited = new Promise<number | null>((resolve) => hub.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      hub.kill('SIGKILL');
      reject(new Error(`the hub is not ready after 30 s:\n${text}`));
    }, 30_000);
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('the hub could not start')) {
        hub.kill('SIGKILL');
        return; // its end rejects
      }
      if (!text.includes('LLM-IoT hub is ready')) return;
      clearTimeout(timer);
      resolve();
    };
    hub.stdout.on('data', read);
    hub.stderr.on('data', read);
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`the hub ended with code ${String(code)}:\n${text}`));
    });
  });

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (hub.exitCode === null && hub.signalCode === null) hub.kill(signal);
    return exited;
  };
  return {
    url: `http://127.0.0.1:${httpPort}`,
    mqttUrl: `mqtt://127.0.0.1:${mqttPort}`,
    mqttPort,
    ...keys,
    dataDir,
    pid: hub.pid ?? 0,
    output: () => text,
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
    cleanUp: () => rm(dataDir, { recursive: true, force: true }),
  };
}
