import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { newKey, readKeyFile, writeKeyFile } from './key-file.ts';
import { readKeys } from './read-keys.ts';

/** Where the key comes from; the first that is set counts, and none means the file in the data directory. */
export interface KeySettings {
  /** The key itself. */
  key?: string;
  file?: string;
  /** A program and its arguments that prints the key: words separated by blanks, or a JSON array of strings. */
  command?: string;
}

/** Keys, and where they are from. */
export interface FoundKeys {
  /** The first seals, all of them open. */
  keys: Buffer[];
  /** For people, such as `LLM_IOT_SECRET_KEY` or a path. */
  from: string;
  /** Set when the hub looks after the key itself. */
  ownFile?: string;
  /** They were made just now. */
  made?: true;
}

const commandMs = 10_000;
const commandBytes = 4096;

export const ownKeyFile = (dataDir: string): string => join(dataDir, 'secret-key');

/**
 * Finds the keys, and makes one in the data directory when none is set and `mayMake` allows it.
 * @throws Error that says which source failed, and never what it gave
 */
export async function findKeys(
  settings: KeySettings,
  dataDir: string,
  mayMake: () => boolean,
): Promise<FoundKeys | undefined> {
  if (settings.key) {
    const from = 'LLM_IOT_SECRET_KEY';
    return { keys: readKeys(settings.key, from), from };
  }
  if (settings.file) {
    const keys = await readKeyFile(settings.file);
    if (!keys) throw new Error(`LLM_IOT_SECRET_KEY_FILE: there is no file ${settings.file}`);
    return { keys, from: settings.file };
  }
  if (settings.command) {
    const from = 'LLM_IOT_SECRET_KEY_COMMAND';
    return { keys: readKeys(await runKeyCommand(settings.command), `what ${from} prints`), from };
  }
  const ownFile = ownKeyFile(dataDir);
  const keys = await readKeyFile(ownFile);
  if (keys) return { keys, from: ownFile, ownFile };
  if (!mayMake()) return undefined;
  const made = [newKey()];
  await writeKeyFile(ownFile, made);
  return { keys: made, from: ownFile, ownFile, made: true };
}

/** Runs without a shell: nothing in the words is expanded or interpreted. What it prints is in no error. */
function runKeyCommand(command: string): Promise<string> {
  const [program, ...args] = wordsOf(command);
  if (!program) throw new Error('LLM_IOT_SECRET_KEY_COMMAND names no program');
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: commandMs, maxBuffer: commandBytes, killSignal: 'SIGKILL', shell: false },
      (error, stdout) => {
        if (error) reject(new Error(`LLM_IOT_SECRET_KEY_COMMAND failed: ${reasonOf(error)}`));
        else resolve(stdout);
      },
    );
    child.stdin?.end();
  });
}

function reasonOf(error: Error & { code?: string | number | null; killed?: boolean }): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return `it prints more than ${commandBytes} bytes`;
  if (error.killed) return `it took more than ${commandMs / 1000} seconds`;
  if (typeof error.code === 'number') return `it ended with exit code ${error.code}`;
  return error.code === 'ENOENT' ? 'there is no such program' : 'it could not be run';
}

function wordsOf(command: string): string[] {
  if (!command.trimStart().startsWith('[')) return command.split(' ').filter((word) => word !== '');
  let words: unknown;
  try {
    words = JSON.parse(command);
  } catch {
    words = undefined;
  }
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
    throw new Error('LLM_IOT_SECRET_KEY_COMMAND begins with [ but is no JSON array of strings');
  return words;
}
