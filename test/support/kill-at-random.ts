import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Lets a writer process run until it has acknowledged a random number of items, then kills it as a power cut would.
 * Gives the last count it printed.
 */
export async function killAtRandom(
  child: ChildProcess,
  atLeast = 200,
  spread = 3_000,
): Promise<number> {
  if (!child.stdout) throw new Error('the writer needs a stdout');
  const enough = atLeast + Math.floor(Math.random() * spread);
  const ended = once(child, 'close');
  let acknowledged = 0;
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line);
    if (acknowledged >= enough) child.kill('SIGKILL');
  }
  await ended;
  if (child.signalCode !== 'SIGKILL')
    throw new Error(`the writer ended by itself (code ${child.exitCode})`);
  return acknowledged;
}
