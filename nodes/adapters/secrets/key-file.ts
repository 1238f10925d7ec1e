import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { readKeys } from './read-keys.ts';
import { replaceFile } from './replace-file.ts';

/** More is no file of keys. */
const maxBytes = 4096;

/** The keys in a file; undefined when there is no such file. @throws Error that says what is wrong with it */
export async function readKeyFile(path: string): Promise<Buffer[] | undefined> {
  let text: string;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error(`${path} is no file`);
    if (found.size > maxBytes) throw new Error(`${path} is no file of keys: it is too large`);
    if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
      throw new Error(`${path} may be read by other users; put that right with: chmod 600 ${path}`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return readKeys(text, path);
}

/** Replaces the file as a whole, with a key a line. */
export const writeKeyFile = (path: string, keys: readonly Buffer[]): Promise<void> =>
  replaceFile(path, keys.map((key) => `${key.toString('base64url')}\n`).join(''));

export const newKey = (): Buffer => randomBytes(32);
