// Servers that are run beside the hub, to compare it with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program and waits until it can be used.
 * @param {string} command @param {string[]} args @param {{ cwd?: string, isReady: (output: string) => boolean | Promise<boolean> }} options
 *   `output` is what it has printed last
 * @returns {Promise<{ pid: number, stop(): Promise<void> }>}
 * @throws Error with what it printed, when it ends or is not ready in 30 s
 */
export async function startProgram(command, args, { cwd, isReady }) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  const read = (/** @type {Buffer} */ chunk) => (output = (output + chunk).slice(-10_000));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = once(child, 'exit').then(() => running.delete(child));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  for (const deadline = performance.now() + 30_000; !(await isReady(output));) {
    if (child.exitCode === null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await stop();
    throw new Error(`${command} did not start:\n${output}`);
  }
  return { pid: child.pid ?? 0, stop };
}
