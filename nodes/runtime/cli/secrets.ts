import { parseArgs } from 'node:util';
import { changeSecretKey, checkSecrets, type SecretPlace } from '../change-secret-key.ts';
import { keySettingsFrom } from '../hub-secrets.ts';
import type { Command } from './command.ts';
import { dataDirOf } from './data-dir.ts';

const placeOf = (args: readonly string[]): SecretPlace => {
  const { values } = parseArgs({ args: [...args], options: { 'data-dir': { type: 'string' } } });
  return { dataDir: dataDirOf(values['data-dir']), settings: keySettingsFrom(process.env) };
};
const usage = '[--data-dir DIR]';

const check: Command = {
  words: ['secrets', 'check'],
  usage,
  summary: 'whether the key opens everything that is sealed',
  async run(args, print) {
    const { from, keyId, byKey, unreadable } = await checkSecrets(placeOf(args));
    print(`the key ${keyId} in ${from} is the one of this data directory`);
    for (const [id, count] of byKey) print(`${count} sealed with the key ${id}`);
    const others = [...byKey.keys()].some((id) => id !== keyId);
    if (others) print('a change of key is not done: stop the hub and call secrets rotate');
    if (unreadable > 0)
      print(`${unreadable} of them cannot be opened: changed, or never sealed here`);
    return unreadable > 0 ? 1 : 0;
  },
};

const rotate: Command = {
  words: ['secrets', 'rotate'],
  usage,
  summary: 'seals everything anew under a new key (stop the hub first)',
  async run(args, print) {
    const { from, keyId, retired, sealed, unreadable } = await changeSecretKey(placeOf(args));
    print(
      `${sealed} values are sealed with the key ${keyId} in ${from}: keep a copy of it elsewhere`,
    );
    if (unreadable > 0) print(`${unreadable} of them could not be opened and are as they were`);
    if (retired.length > 0) print(`backups made before now need the key ${retired.join(', ')}`);
    return 0;
  },
};

/** `secrets check` and `secrets rotate`. */
export const secretCommands: readonly Command[] = [check, rotate];
