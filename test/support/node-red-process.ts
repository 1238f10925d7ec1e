import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

/** The versions of Node-RED that the package promises to work with, by the name they are installed under. */
export const nodeRedVersions = ['node-red', 'node-red-4'] as const;
export type NodeRedVersion = (typeof nodeRedVersions)[number];

/** A Node-RED of its own with this package in it, in a temporary user directory. */
export interface RunningNodeRed {
  /** Of the editor, without a slash at the end. */
  url: string;
  userDir: string;
  /** All it has printed so far. */
  output(): string;
  /** SIGTERM, waits until it is gone, and removes the user directory. */
  stop(): Promise<void>;
}

export interface NodeRedOptions {
  nodeRed: NodeRedVersion;
  flows?: object[];
  env?: Record<string, string>;
  /** Where the package is; this checkout, unless told. */
  packageDir?: string;
}

const root = join(import.meta.dirname, '..', '..');
const deadlineMs = 60_000;

/** Starts a Node-RED; resolves when its editor answers, rejects with its output if it does not in a minute. */
export async function startNodeRed({
  nodeRed,
  flows = [],
  env = {},
  packageDir = root,
}: NodeRedOptions): Promise<RunningNodeRed> {
  const userDir = await mkdtemp(join(tmpdir(), 'llm-iot-node-red-'));
  const [port, mqttPort] = [await freePort(), await freePort()];
  await layOut(userDir, port, flows, packageDir);

  const process_ = spawn(
    process.execPath,
    [join(root, 'node_modules', nodeRed, 'red.js'), '--settings', join(userDir, 'settings.cjs')],
    {
      cwd: userDir,
      env: {
        ...process.env,
        LLM_IOT_MQTT_PORT: String(mqttPort),
        LLM_IOT_DATA_DIR: join(userDir, 'llm-iot'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  const read = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  process_.stdout.on('data', read);
  process_.stderr.on('data', read);
  const exited = once(process_, 'exit');

  const running: RunningNodeRed = {
    url: `http://127.0.0.1:${port}`,
    userDir,
    output: () => text,
    async stop() {
      if (process_.exitCode === null && process_.signalCode === null) process_.kill('SIGTERM');
      await exited;
      await rm(userDir, { recursive: true, force: true });
    },
  };
  try {
    await until('Node-RED answers', () => answers(process_.exitCode, running.url), deadlineMs);
  } catch (error) {
    await running.stop();
    throw new Error(`${nodeRed} did not start:\n${text}`, { cause: error });
  }
  return running;
}

async function answers(exitCode: number | null, url: string): Promise<boolean> {
  if (exitCode !== null) throw new Error(`it ended with code ${exitCode}`);
  const response = await fetch(`${url}/flows`).catch(() => undefined);
  return response?.ok ?? false;
}

async function layOut(
  userDir: string,
  port: number,
  flows: object[],
  packageDir: string,
): Promise<void> {
  const scope = join(userDir, 'node_modules', '@llm-iot');
  await mkdir(scope, { recursive: true });
  await symlink(packageDir, join(scope, 'node-red-hub'), 'junction');
  await writeFile(join(userDir, 'flows.json'), JSON.stringify(flows));
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: port,
    userDir,
    flowFile: join(userDir, 'flows.json'),
    credentialSecret: 'test',
    diagnostics: { enabled: false, ui: false },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
    editorTheme: { tours: false },
  };
  await writeFile(join(userDir, 'settings.cjs'), `module.exports = ${JSON.stringify(settings)};\n`);
}
