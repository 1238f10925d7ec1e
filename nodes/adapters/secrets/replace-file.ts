import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file as a whole: after a crash it is the old one or the new one. Readable by its owner alone, unless told. */
export async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  if (process.platform === 'win32') return; // has no folders to bring to disk
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
