import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface RunningTool {
  /** What it wrote to its standard output so far. */
  output(): string;
  /** What it wrote to its standard error so far. */
  errors(): string;
  /** Waits for its end; fails with what it wrote to its standard error when it did not end well. */
  done(): Promise<string>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

/** Starts a command-line program beside the test, so that a server inside the test can answer it. */
export function runTool(command: string, args: string[]): RunningTool {
  // Without stdbuf the output of a C program arrives only when it ends.
  const child = spawn('stdbuf', ['-oL', command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = once(child, 'close');
  return {
    output: () => stdout,
    errors: () => stderr,
    async done() {
      await ended;
      if (child.exitCode !== 0) {
        throw new Error(`${command} ${args.join(' ')} ended with ${child.exitCode}: ${stderr}`);
      }
      return stdout;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
