import { join } from 'node:path';
import {
  createAesSecretBox,
  keyIdOf,
  type AesSecretBox,
} from '../adapters/secrets/aes-secret-box.ts';
import { newKey, writeKeyFile } from '../adapters/secrets/key-file.ts';
import { findKeys, type FoundKeys, type KeySettings } from '../adapters/secrets/key-source.ts';
import { replaceFile } from '../adapters/secrets/replace-file.ts';
import { readSealedFile, sealedFiles } from '../adapters/secrets/sealed-files.ts';
import { readRecords } from '../adapters/storage/read-records.ts';
import { openForRewriting } from '../adapters/storage/rewrite-records.ts';
import { recordKinds } from '../core/records.ts';
import { sealedWith } from '../core/security/sealed.ts';
import { keyMissing, proveKey, type KeyCheck } from './hub-secrets.ts';

/** Where a data directory is, and where its key. */
export interface SecretPlace {
  dataDir: string;
  settings: KeySettings;
}

/** What a change of key did. */
export interface KeyChange {
  from: string;
  keyId: string;
  /** Ids of keys that are not needed any more. */
  retired: string[];
  /** Sealed values there are, and those of them that no key opens; these stay as they are. */
  sealed: number;
  unreadable: number;
}

/**
 * Seals everything in a data directory anew. A key that the hub keeps itself is replaced by a new one; otherwise the
 * source must hold the new key and after it the old one. Wherever this is cut off, the hub can read everything, and the
 * next call brings it to its end.
 * @throws Error while a hub uses the directory, and when keys are missing
 */
export async function changeSecretKey({ dataDir, settings }: SecretPlace): Promise<KeyChange> {
  const records = openForRewriting(join(dataDir, 'hub.db'));
  try {
    const found = await keysOf({ dataDir, settings });
    const { from, ownFile } = found;
    let { keys } = found;
    if (keys.length === 1) {
      if (ownFile === undefined)
        throw new Error(
          `put the new key before the old one in ${from}, with a blank between them, and call this again; ` +
            'when it is done, leave the new one alone there',
        );
      keys = [newKey(), ...keys];
      await writeKeyFile(ownFile, keys);
    }
    const box = createAesSecretBox(keys);
    const tally = { sealed: 0, unreadable: 0 };
    const again = (sealed: string): string => {
      tally.sealed += 1;
      const anew = resealed(box, sealed);
      if (anew === undefined) tally.unreadable += 1;
      return anew ?? sealed;
    };
    records.rewrite((text) =>
      text.replace(sealedInJson, (quoted) => `"${again(quoted.slice(1, -1))}"`),
    );
    for (const path of await sealedFiles(dataDir)) {
      const sealed = await readSealedFile(path);
      if (sealed !== undefined) await replaceFile(path, again(sealed));
    }
    if (ownFile !== undefined) await writeKeyFile(ownFile, keys.slice(0, 1));
    return { from, keyId: box.keyId, retired: keys.slice(1).map(keyIdOf), ...tally };
  } finally {
    records.close();
  }
}

/** What is sealed in a data directory, by the key it is sealed with. */
export interface SecretCheck {
  from: string;
  keyId: string;
  byKey: Map<string, number>;
  unreadable: number;
}

/** Opens everything that is sealed, also while a hub runs. @throws Error when the key is not the one of the data */
export async function checkSecrets(place: SecretPlace): Promise<SecretCheck> {
  const { keys, from } = await keysOf(place);
  const box = createAesSecretBox(keys);
  const byKey = new Map<string, number>();
  let unreadable = 0;
  const look = (sealed: string): void => {
    const id = sealedWith(sealed);
    byKey.set(id, (byKey.get(id) ?? 0) + 1);
    if (!box.opens(sealed)) unreadable += 1;
  };
  const file = join(place.dataDir, 'hub.db');
  for (const kind of recordKinds)
    for (const record of readRecords<object>(file, kind))
      for (const quoted of JSON.stringify(record).match(sealedInJson) ?? [])
        look(quoted.slice(1, -1));
  for (const path of await sealedFiles(place.dataDir)) {
    const sealed = await readSealedFile(path);
    if (sealed !== undefined) look(sealed);
  }
  return { from, keyId: box.keyId, byKey, unreadable };
}

/** A whole string of a JSON text that has the form of a sealed one: nothing in it needs an escape. */
const sealedInJson = /"sealed:v1:[0-9a-f]{16}:[A-Za-z0-9_-]{39,}"/g;

async function keysOf({ dataDir, settings }: SecretPlace): Promise<FoundKeys> {
  const [check] = readRecords<KeyCheck>(join(dataDir, 'hub.db'), 'key_check');
  const found = await findKeys(settings, dataDir, () => false);
  if (!found) throw keyMissing(dataDir, check);
  if (check) proveKey(createAesSecretBox(found.keys), check, found.from);
  return found;
}

/** Undefined for what only looks sealed, or was changed. */
function resealed(box: AesSecretBox, sealed: string): string | undefined {
  try {
    return box.reseal(sealed);
  } catch {
    return undefined;
  }
}
