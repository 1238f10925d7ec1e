import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DurableKind } from './durable-writer.ts';

const script = fileURLToPath(new URL('durable-writer.ts', import.meta.url));

/**
 * A process that writes to the store of this kind in a folder until it is killed; `more` is how to reach a database
 * elsewhere.
 */
export function spawnDurableWriter(
  kind: DurableKind,
  folder: string,
  ...more: string[]
): ChildProcess {
  return spawn(process.execPath, [script, kind, folder, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
