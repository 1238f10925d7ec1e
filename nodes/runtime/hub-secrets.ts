import { createAesSecretBox, type AesSecretBox } from '../adapters/secrets/aes-secret-box.ts';
import {
  findKeys,
  ownKeyFile,
  type FoundKeys,
  type KeySettings,
} from '../adapters/secrets/key-source.ts';
import type { Log } from '../core/log.ts';
import type { RecordStore } from '../core/records.ts';
import { sealedWith } from '../core/security/sealed.ts';

/** Kept with the data (record kind `key_check`), so that they are never used with a key that is not theirs. */
export interface KeyCheck {
  sealed: string;
}

const checkId = 'key_check';
const checkPurpose = 'key check';
const checkText = 'this data directory belongs to this key';

/** A box, and the keys it was made with. */
export interface OpenedSecrets extends FoundKeys {
  box: AesSecretBox;
}

/** Where the environment says the key is. */
export const keySettingsFrom = (env: NodeJS.ProcessEnv): KeySettings => ({
  ...(env['LLM_IOT_SECRET_KEY'] && { key: env['LLM_IOT_SECRET_KEY'] }),
  ...(env['LLM_IOT_SECRET_KEY_FILE'] && { file: env['LLM_IOT_SECRET_KEY_FILE'] }),
  ...(env['LLM_IOT_SECRET_KEY_COMMAND'] && { command: env['LLM_IOT_SECRET_KEY_COMMAND'] }),
});

/**
 * The box that seals what this data directory keeps. A new directory gets a key; one that has been used needs its own.
 * @throws Error that says what is missing and what to do
 */
export async function openHubSecrets(deps: {
  records: RecordStore;
  dataDir: string;
  settings: KeySettings;
  log: Log;
}): Promise<OpenedSecrets> {
  const { records, dataDir, settings, log } = deps;
  const [check] = await records.all<KeyCheck>('key_check');
  const found = await findKeys(settings, dataDir, () => check === undefined);
  if (!found) throw keyMissing(dataDir, check);
  const box = createAesSecretBox(found.keys);
  if (check) proveKey(box, check, found.from);
  if (!check || !box.opens(check.sealed)) await writeKeyCheck(records, box);
  if (found.made)
    log.info(`made ${found.from}: keep a copy of it elsewhere, no backup of the hub contains it`);
  return { ...found, box };
}

/** Binds the data to the key that seals now. */
export const writeKeyCheck = (records: RecordStore, box: AesSecretBox): Promise<void> =>
  records.put('key_check', checkId, {
    sealed: box.seal(checkText, checkPurpose),
  } satisfies KeyCheck);

/**
 * A check value that a key of this id sealed and that does not open was damaged on the disk: the key is the right one.
 * @throws Error when none of the keys is the one of the data
 */
export function proveKey(box: AesSecretBox, check: KeyCheck, from: string): void {
  if (box.has(sealedWith(check.sealed))) return;
  throw new Error(
    `the key in ${from} is not the one of this data directory: it needs the key ${keyNeeded(check)}, ` +
      `and ${from} holds ${box.keyId}. Put back the right key, or name another data directory`,
  );
}

export const keyMissing = (dataDir: string, check: KeyCheck | undefined): Error =>
  new Error(
    `the key of this data directory is missing: ${ownKeyFile(dataDir)} is not there and no LLM_IOT_SECRET_KEY is set. ` +
      `Put back the key ${keyNeeded(check)}; without it what is sealed is lost`,
  );

const keyNeeded = (check: KeyCheck | undefined): string =>
  check ? `with the id ${sealedWith(check.sealed)}` : 'that was used';
