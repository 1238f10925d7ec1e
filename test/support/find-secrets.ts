import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** A secret in clear, and as hexadecimal and base64 show it, wherever it begins in a longer text. */
function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const encoded = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // The characters at the ends hold bits of what is beside the secret.
    const own = text.slice(
      shift === 0 ? 0 : shift + 1,
      Math.floor(((shift + bytes.length) * 4) / 3),
    );
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = bytes.toString('hex');
  return [...new Set([secret, hex, hex.toUpperCase(), ...encoded])].map((form) =>
    Buffer.from(form),
  );
}

/** Looks for secrets, by what they are called; a hit is `<name> in <place>`. */
export function createSecretSearch(secrets: Record<string, string>) {
  const forms = Object.entries(secrets).map(([name, secret]) => ({ name, all: formsOf(secret) }));
  const inBytes = (bytes: Buffer, place: string): string[] =>
    forms
      .filter(({ all }) => all.some((form) => bytes.includes(form)))
      .map(({ name }) => `${name} in ${place}`);
  return {
    inText: (text: string, place: string): string[] => inBytes(Buffer.from(text), place),
    /** In every file below a folder, links aside. @returns hits, and how many files there were */
    async inFolder(folder: string): Promise<{ hits: string[]; files: string[] }> {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths = entries
        .filter((entry) => entry.isFile())
        .map((e) => join(e.parentPath, e.name));
      const files = paths.map((path) => relative(folder, path));
      const hits = await Promise.all(
        paths.map(async (path, index) =>
          inBytes(await readFile(path).catch(() => Buffer.alloc(0)), files[index] ?? path),
        ),
      );
      return { hits: hits.flat(), files };
    },
  };
}
