import { spawnSync } from 'node:child_process';

/** Whether a command can be started. Debian keeps servers in /usr/sbin, which is not on everybody's path. */
export function findTool(command: string): string | undefined {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin`;
  const found = spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', command], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/**
 * The path of a tool that a test needs. Without it the test is skipped and says which Debian package brings it;
 * where `CI` is set it fails instead, so that nothing is skipped unnoticed there.
 */
export function requireTool(ctx: Mocha.Context, command: string, debianPackage: string): string {
  const path = findTool(command);
  if (path !== undefined) return path;
  const hint = `${command} is not installed: apt-get install ${debianPackage}`;
  if (process.env.CI) throw new Error(hint);
  const test = ctx.currentTest ?? ctx.test;
  if (test) test.title += ` [${hint}]`;
  return ctx.skip();
}
