import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRecords } from '../../adapters/storage/read-records.ts';
import { readBoundRole, shownHex, type BookEntry } from '../../core/security/certificate-book.ts';
import type { DeviceRecord } from '../../core/device/types.ts';
import { readScope } from '../../core/security/scope.ts';
import { openCertificateAuthority } from '../certificate-authority.ts';
import type { Command } from './command.ts';
import { dataDirOf } from './data-dir.ts';

const options = {
  host: { type: 'string', multiple: true, default: [] as string[] },
  days: { type: 'string' },
  'data-dir': { type: 'string' },
  out: { type: 'string' },
  force: { type: 'boolean', default: false },
  device: { type: 'string' },
  role: { type: 'string' },
  name: { type: 'string' },
  scope: { type: 'string' },
} as const;
type Option = keyof typeof options;

/** Enough for a public server certificate, and for a device that nobody visits more often. */
const standardDays = 397;
const mostDays = 3650;

/** @param given names of the options this command takes besides `--data-dir` */
function read(args: readonly string[], given: readonly Option[], most: number) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options,
  });
  for (const [name, value] of Object.entries(values)) {
    const isGiven = value !== false && (!Array.isArray(value) || value.length > 0);
    if (isGiven && name !== 'data-dir' && !given.includes(name as Option))
      throw new Error(`--${name} is for another command`);
  }
  if (positionals.length !== most)
    throw new Error(most === 0 ? 'give options only' : 'give one name, file or number');
  const days = Number(values.days ?? standardDays);
  if (!Number.isInteger(days) || days < 1 || days > mostDays)
    throw new Error(`--days is a whole number from 1 to ${mostDays}`);
  const dataDir = dataDirOf(values['data-dir']);
  return {
    ...values,
    days,
    dataDir,
    word: positionals[0] ?? '',
    hosts: values.host.flatMap((hosts) => hosts.split(/[\s,]+/).filter((host) => host !== '')),
    authority: openCertificateAuthority(dataDir),
  };
}

const day = (at: string): string => at.slice(0, 10);

const init: Command = {
  words: ['tls', 'init'],
  usage: '[--host NAME,IP] [--days N] [--force]',
  summary: 'makes a certificate authority and a server certificate',
  async run(args, print) {
    const { authority, hosts: given, days, force } = read(args, ['host', 'days', 'force'], 0);
    const { authority: ca, server, hosts } = await authority.init({ hosts: given, days, force });
    print(`authority  SHA-256 ${ca.fingerprint256}`);
    print(`server     SHA-256 ${shownHex(server.fingerprint)}`);
    print(`for ${hosts.join(', ')} until ${day(server.valid_to)}`);
    print(
      'Start the hub with LLM_IOT_TLS=on. Devices need ca.crt, and nothing else of the folder.',
    );
    return 0;
  },
};

const renew: Command = {
  words: ['tls', 'renew'],
  usage: '[--host NAME,IP] [--days N]',
  summary: 'makes a new server certificate; a running hub takes it',
  async run(args, print) {
    const { authority, hosts: given, days } = read(args, ['host', 'days'], 0);
    const { server, hosts } = await authority.renew({ hosts: given, days });
    print(`server     SHA-256 ${shownHex(server.fingerprint)}`);
    print(`for ${hosts.join(', ')} until ${day(server.valid_to)}`);
    return 0;
  },
};

/** The id of the device that is meant by its id or name; undefined when there is none. */
function deviceIdOf(dataDir: string, idOrName: string): string | undefined {
  const file = join(dataDir, 'hub.db');
  if (!existsSync(file)) return undefined;
  const devices = readRecords<DeviceRecord>(file, 'device');
  const byId = devices.find(({ device_id: id }) => id === idOrName);
  if (byId) return byId.device_id;
  const named = devices.filter(({ name }) => name === idOrName);
  if (named.length > 1) throw new Error(`several devices are called "${idOrName}": give an id`);
  return named[0]?.device_id;
}

const device: Command = {
  words: ['tls', 'device'],
  usage: '<device id or name> [--days N] [--out DIR] [--force]',
  summary: 'issues a client certificate',
  async run(args, print) {
    const { authority, dataDir, word, days, out, force } = read(args, ['days', 'out', 'force'], 1);
    const deviceId = deviceIdOf(dataDir, word);
    const { entry, folder } = await authority.issueClient(deviceId ?? word, {
      ...{ days, folder: out, force },
    });
    print(`${folder}: client.crt, client.key, ca.crt`);
    print(`SHA-256 ${shownHex(entry.fingerprint)}`);
    print(`serial  ${entry.serial}, until ${day(entry.valid_to)}`);
    print(
      deviceId === undefined
        ? `No device here has this id or name: the certificate opens connections, and stands for nobody until tls bind.`
        : `It stands for the device ${deviceId}.`,
    );
    return 0;
  },
};

const bind: Command = {
  words: ['tls', 'bind'],
  usage: '<fingerprint or file> --device ID | --role ROLE',
  summary: 'says whom a certificate stands for [--name NAME] [--scope FILE]',
  async run(args, print) {
    const given = read(args, ['device', 'role', 'name', 'scope'], 1);
    const { authority, dataDir, word, name, role } = given;
    if ((given.device === undefined) === (role === undefined))
      throw new Error('give either --device or --role');
    if (role === undefined && (name !== undefined || given.scope !== undefined))
      throw new Error('--name and --scope go with --role');
    const deviceId = given.device === undefined ? undefined : deviceIdOf(dataDir, given.device);
    if (given.device !== undefined && deviceId === undefined)
      throw new Error(`no device here has the id or name "${given.device}"`);
    const scope =
      given.scope === undefined
        ? undefined
        : readScope(JSON.parse(await readFile(given.scope, 'utf8')) as unknown, 'scope');
    const entry = await authority.bind(word, {
      ...(deviceId === undefined ? {} : { device_id: deviceId }),
      ...(role === undefined ? {} : { role: readBoundRole(role) }),
      ...(name === undefined ? {} : { name }),
      ...(scope === undefined ? {} : { scope }),
    });
    print(`${shownHex(entry.fingerprint)} stands for ${holderOf(entry)}`);
    return 0;
  },
};

const revoke: Command = {
  words: ['tls', 'revoke'],
  usage: '<serial or fingerprint>',
  summary: 'ends a certificate; a running hub cuts its connections',
  async run(args, print) {
    const { authority, word } = read(args, [], 1);
    const { subject, serial } = await authority.revoke(word);
    print(`revoked: ${subject}, serial ${serial}`);
    return 0;
  },
};

const holderOf = ({ device_id: deviceId, role, kind, subject, name }: BookEntry): string => {
  if (deviceId !== undefined) return `the device ${deviceId}`;
  if (role !== undefined) return name === undefined ? role : `${role} (${name})`;
  return kind === 'client' ? `the device ${subject}, if there is one` : 'nobody';
};

function stateOf({ revoked_at: revoked, valid_from: from, valid_to: to }: BookEntry): string {
  if (revoked !== undefined) return `revoked ${day(revoked)}`;
  if (Date.parse(from) > Date.now()) return `valid from ${day(from)}`;
  return Date.parse(to) < Date.now() ? `expired ${day(to)}` : `until ${day(to)}`;
}

const list: Command = {
  words: ['tls', 'list'],
  usage: '',
  summary: 'what was issued and bound',
  async run(args, print) {
    for (const entry of await read(args, [], 0).authority.list()) {
      const whom = entry.kind === 'server' ? 'the hub' : holderOf(entry);
      print(`${entry.kind.padEnd(6)} ${entry.serial} ${stateOf(entry)}: ${entry.subject}, ${whom}`);
      print(`       SHA-256 ${shownHex(entry.fingerprint)}`);
    }
    return 0;
  },
};

/** `tls init`, `renew`, `device`, `bind`, `revoke` and `list`. */
export const tlsCommands: readonly Command[] = [init, renew, device, bind, revoke, list];
