import { spawnSync } from 'node:child_process';

/** Runs openssl; what it wrote, and whether it ended well. */
export function openssl(args: string[], input = ''): { ok: boolean; text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { input, encoding: 'utf8' });
  return { ok: status === 0, text: stdout + stderr };
}
