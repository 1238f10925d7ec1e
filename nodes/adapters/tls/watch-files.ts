import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A change is looked at when nothing more has changed for so long. */
const settleMs = 100;
/** Not every file system tells of changes. */
const pollMs = 500;

/**
 * Calls `changed` when one of the files, or one in a folder among them, is another one or has other contents. Files need not
 * exist. The answer stops that.
 */
export async function watchFiles(
  paths: readonly string[],
  changed: () => void,
): Promise<() => void> {
  const signs = async (): Promise<string> => (await Promise.all(paths.map(signOf))).join('\n');
  let last = await signs();
  let settling: NodeJS.Timeout | undefined;
  let closed = false;

  const look = async (): Promise<void> => {
    const now = await signs();
    if (closed || now === last) return;
    last = now;
    clearTimeout(settling);
    settling = setTimeout(changed, settleMs);
  };
  const lookNow = (): void => void look();

  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((folder) => {
    try {
      const watcher: FSWatcher = watch(folder, { persistent: false }, lookNow);
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
  const poll = setInterval(lookNow, pollMs).unref();

  return () => {
    closed = true;
    clearInterval(poll);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
  };
}

async function signOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    const sign = [found.mtimeMs, found.ctimeMs, found.size, found.ino].join(' ');
    if (!found.isDirectory()) return sign;
    const names = await readdir(path);
    return [sign, ...(await Promise.all(names.map((name) => signOf(join(path, name)))))].join(';');
  } catch {
    return 'none';
  }
}
