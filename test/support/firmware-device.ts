import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repository = new URL('../../', import.meta.url);
const pathOf = (path: string): string => fileURLToPath(new URL(path, repository));

/** Debian's own Python: that is where python3-paho-mqtt lives. */
export const python = '/usr/bin/python3';

/** A Python program of the firmware, running. */
export interface FirmwareProcess {
  /** Has test/interop/firmware_device.py do something; gives the result, or fails with what it raised. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the device says
  order(name: string, args?: object): Promise<any>;
  /** What it wrote to its standard error so far. */
  log(): string;
  /** As when the power fails. */
  kill(): Promise<void>;
  /** SIGTERM; the exit code. */
  terminate(): Promise<number | null>;
}

/** Starts a program of this repository under Debian's Python, with the client of firmware/python. */
export function startFirmware(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): FirmwareProcess {
  const child = spawn(python, [pathOf(program), ...args], {
    env: {
      ...process.env,
      PYTHONPATH: [pathOf('firmware/python'), process.env.PYTHONPATH].filter(Boolean).join(':'),
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  child.stdin.on('error', () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close') as Promise<[number | null]>;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    const [code] = await ended;
    return code;
  };
  return {
    async order(name, orderArgs = {}) {
      child.stdin.write(`${JSON.stringify([name, orderArgs])}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`the device ended:\n${errors}`);
      const { result, error, code } = JSON.parse(value);
      if (error !== undefined) throw Object.assign(new Error(`${name}: ${error}`), { code });
      return result;
    },
    log: () => errors,
    async kill() {
      await end('SIGKILL');
    },
    terminate: () => end('SIGTERM'),
  };
}
