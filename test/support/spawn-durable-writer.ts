import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('durable-writer.ts', import.meta.url));

/** A process that writes to the SQLite store of this kind in a folder until it is killed. */
export function spawnDurableWriter(kind: 'telemetry' | 'records', folder: string): ChildProcess {
  return spawn(process.execPath, [script, kind, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
}
