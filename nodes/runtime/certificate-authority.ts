import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { replaceFile } from '../adapters/secrets/replace-file.ts';
import {
  createAuthority,
  openAuthority,
  type Authority,
  type CertificatePair,
} from '../adapters/tls/authority.ts';
import { tlsFolderOf } from '../adapters/tls/tls-folder.ts';
import {
  plainHex,
  readBook,
  writeBook,
  type BookEntry,
} from '../core/security/certificate-book.ts';

/** What an administrator does with the hub's own certificate authority, and whom certificates stand for. */
export interface CertificateAuthority {
  /** Makes the authority and a server certificate. @throws Error when there are files already, unless forced */
  init(options: { hosts: readonly string[]; days: number; force: boolean }): Promise<{
    authority: X509Certificate;
    server: BookEntry;
    hosts: string[];
  }>;
  /** A new server certificate and key; names of the one before stay. */
  renew(options: { hosts: readonly string[]; days: number }): Promise<{
    server: BookEntry;
    hosts: string[];
  }>;
  /** A certificate for a client, with its key and the authority, in a folder. */
  issueClient(
    name: string,
    options: { days: number; folder: string | undefined; force: boolean },
  ): Promise<{ entry: BookEntry; folder: string }>;
  /** Lets a certificate stand for a device or a role: one that was issued here, or a file of another authority. */
  bind(
    certificate: string,
    holder: Pick<BookEntry, 'device_id' | 'role' | 'name' | 'scope'>,
  ): Promise<BookEntry>;
  /** Ends a certificate for good. @param id its serial or fingerprint */
  revoke(id: string): Promise<BookEntry>;
  list(): Promise<BookEntry[]>;
}

const authorityDays = 3650;
const publicMode = 0o644;

/** @throws what it does throws Error whose message is for the person who typed it */
export function openCertificateAuthority(dataDir: string): CertificateAuthority {
  const files = tlsFolderOf(dataDir);

  const book = async (): Promise<BookEntry[]> => {
    if (!existsSync(files.book)) return [];
    const text = await readFile(files.book, 'utf8');
    try {
      return readBook(text);
    } catch (error) {
      throw new Error(`${files.book}: ${(error as Error).message}`, { cause: error });
    }
  };
  const keep = (entries: readonly BookEntry[]): Promise<void> =>
    replaceFile(files.book, writeBook(entries));

  const authority = async (): Promise<Authority> => {
    if (!existsSync(files.caKey)) {
      throw new Error(`there is no authority in ${files.folder}: make it with tls init`);
    }
    return openAuthority({
      certificate: await readFile(files.caCertificate, 'utf8'),
      key: await readFile(files.caKey, 'utf8'),
    });
  };
  const place = async (pair: CertificatePair, certificate: string, key: string): Promise<void> => {
    await replaceFile(key, pair.key);
    await replaceFile(certificate, pair.certificate, publicMode);
  };
  const issueServer = async (
    by: Authority,
    hosts: readonly string[],
    days: number,
  ): Promise<BookEntry> => {
    const pair = await by.issueServer(hosts, days);
    const entry = entryOf(pair.certificate, 'server');
    await keep([...(await book()), entry]);
    await place(pair, files.certificate, files.key);
    return entry;
  };
  const writeRevocations = async (by: Authority, entries: readonly BookEntry[]): Promise<void> => {
    const revoked = entries.flatMap(({ kind, serial, revoked_at: at }) =>
      at === undefined || kind === 'bound' ? [] : [{ serial, at: Date.parse(at) }],
    );
    await replaceFile(files.revocations, await by.signRevocations(revoked), publicMode);
  };
  const change = async (
    id: string,
    changeOne: (entry: BookEntry) => BookEntry,
  ): Promise<{ entry: BookEntry; entries: BookEntry[] }> => {
    const entries = await book();
    const at = entries.findIndex(({ serial, fingerprint }) => [serial, fingerprint].includes(id));
    const found = entries[at];
    if (!found) throw new Error('no certificate here has this serial or fingerprint: see tls list');
    const entry = changeOne(found);
    entries[at] = entry;
    return { entry, entries };
  };

  return {
    async init({ hosts: given, days, force }) {
      const names = [hostname(), 'localhost', '127.0.0.1', '::1', ...given];
      const hosts = checkHosts(names.filter((name, at) => at > 0 || isHost(name)));
      const taken = [files.caCertificate, files.caKey, files.certificate, files.key].find((file) =>
        existsSync(file),
      );
      if (taken !== undefined && !force) {
        throw new Error(`there is ${taken} already: tls renew makes a new server certificate.
With --force the authority is replaced, and every certificate it issued is worth nothing.`);
      }
      await mkdir(files.folder, { recursive: true, mode: 0o700 });
      const pair = await createAuthority(
        `LLM-IoT hub ${hosts[0] ?? ''}`.slice(0, 64),
        authorityDays,
      );
      const by = await openAuthority(pair);
      await place(pair, files.caCertificate, files.caKey);
      await keep((await book()).filter(({ kind }) => kind === 'bound'));
      await writeRevocations(by, []);
      const server = await issueServer(by, hosts, days);
      return { authority: new X509Certificate(pair.certificate), server, hosts };
    },

    async renew({ hosts: given, days }) {
      const by = await authority();
      const hosts = checkHosts([...hostsOf(await readFile(files.certificate, 'utf8')), ...given]);
      return { server: await issueServer(by, hosts, days), hosts };
    },

    async issueClient(name, { days, folder: given, force }) {
      const by = await authority();
      const folder = given ?? join(files.folder, 'clients', fileNameOf(name));
      const [certificate, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
      if (!force && (existsSync(certificate) || existsSync(key))) {
        throw new Error(`there is a certificate in ${folder} already: give --force or --out`);
      }
      const pair = await by.issueClient(name, days);
      const entry = entryOf(pair.certificate, 'client');
      await keep([...(await book()), entry]);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await place(pair, certificate, key);
      const ca = await readFile(files.caCertificate, 'utf8');
      await replaceFile(join(folder, 'ca.crt'), ca, publicMode);
      return { entry, folder };
    },

    async bind(certificate, holder) {
      const rebind = (entry: BookEntry): BookEntry => {
        const { device_id: _device, role: _role, name: _name, scope: _scope, ...rest } = entry;
        if (entry.kind === 'server') throw new Error('this is a certificate of the hub itself');
        return { ...rest, ...holder };
      };
      const id = plainHex(certificate);
      if (/^[0-9a-f]+$/.test(id)) {
        const { entry, entries } = await change(id, rebind);
        await keep(entries);
        return entry;
      }
      const read = entryOf(await readFile(certificate, 'utf8'), 'bound');
      const entries = await book();
      const known = entries.find(({ fingerprint }) => fingerprint === read.fingerprint);
      const entry = rebind(known ?? read);
      await mkdir(files.folder, { recursive: true, mode: 0o700 });
      await keep([...entries.filter((each) => each !== known), entry]);
      return entry;
    },

    async revoke(id) {
      const { entry, entries } = await change(plainHex(id), (found) => ({
        revoked_at: new Date().toISOString(),
        ...found,
      }));
      if (entry.kind !== 'bound') await writeRevocations(await authority(), entries);
      await keep(entries);
      return entry;
    },

    list: book,
  };
}

function entryOf(pem: string, kind: BookEntry['kind']): BookEntry {
  const certificate = new X509Certificate(pem);
  const subject = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '';
  return {
    kind,
    subject,
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: plainHex(certificate.fingerprint256),
    valid_from: new Date(certificate.validFrom).toISOString(),
    valid_to: new Date(certificate.validTo).toISOString(),
  };
}

/** Names and addresses a certificate is for. */
function hostsOf(pem: string): string[] {
  const { subjectAltName = '' } = new X509Certificate(pem);
  return subjectAltName.split(', ').map((part) => part.replace(/^(DNS|IP Address):/, ''));
}

const isHost = (host: string): boolean =>
  isIP(host) !== 0 ||
  (host.length <= 253 &&
    /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(host));

function checkHosts(hosts: readonly string[]): string[] {
  const wrong = hosts.find((host) => !isHost(host));
  if (wrong !== undefined) throw new Error(`"${wrong}" is no host name and no IP address`);
  // The longer form of ::1 that Node shows is the same address.
  const plain = hosts.map((host) =>
    isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host,
  );
  return [...new Set(plain)];
}

const fileNameOf = (name: string): string =>
  name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_');
