import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSealed } from '../../core/security/sealed.ts';

/** What is not the hub's own, or stays as it was. */
const skipped = new Set(['node_modules', 'backups']);

/** The files under a folder whose name ends in `.sealed`. */
export async function sealedFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sealedFiles(path);
      return entry.isFile() && entry.name.endsWith('.sealed') ? [path] : [];
    }),
  );
  return found.flat();
}

/** The sealed text that a file is; undefined when it is something else. */
export async function readSealedFile(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8')).trim();
  return isSealed(text) ? text : undefined;
}
