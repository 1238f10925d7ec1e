import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { plainHex, readBook, type BookEntry } from '../../core/security/certificate-book.ts';

/** Where the files are, as absolute paths. */
export interface TlsFilePaths {
  certificate: string;
  key: string;
  /** The hub's own authority, if there is one: its certificates name devices. */
  authority: string;
  /** A file, or a folder of files, of other authorities whose client certificates are taken. */
  clientAuthorities?: string;
  /** Revocation lists, if there are any. */
  revocations: string;
  /** What was issued, and whom certificates stand for, if there is any. */
  book: string;
}

/** The hub's certificate (with its chain) and key, PEM. */
export interface ServerPair {
  cert: string;
  key: string;
  certificate: X509Certificate;
}

/** Whose client certificates are taken. */
export interface Authorities {
  own: X509Certificate | undefined;
  /** Own and others. */
  all: X509Certificate[];
}

/** Serials in hexadecimal of lower case, by fingerprint of their authority. */
export type Revocations = ReadonlyMap<string, ReadonlySet<string>>;

/** @throws Error that says what is wrong with which file */
export function readPair(paths: Pick<TlsFilePaths, 'certificate' | 'key'>): ServerPair {
  for (const path of [paths.certificate, paths.key]) {
    if (existsSync(path)) continue;
    throw new Error(`there is no ${path}: make it with npm run hub -- tls init, or name another`);
  }
  const cert = readFileSync(paths.certificate, 'utf8');
  const key = readFileSync(paths.key, 'utf8');
  try {
    createSecureContext({ cert, key });
    return { cert, key, certificate: new X509Certificate(cert) };
  } catch (error) {
    const why = (error as Error).message;
    const both = `${paths.certificate} and ${paths.key}`;
    throw new Error(`${both} are no certificate and its key: ${why}`, { cause: error });
  }
}

/** @throws Error that says what is wrong with which file */
export function readAuthorities(
  paths: Pick<TlsFilePaths, 'authority' | 'clientAuthorities'>,
): Authorities {
  const [own] = existsSync(paths.authority) ? certificatesIn(paths.authority) : [];
  const others = paths.clientAuthorities === undefined ? [] : filesIn(paths.clientAuthorities);
  return { own, all: [...(own ? [own] : []), ...others.flatMap(certificatesIn)] };
}

/** A file, or the files of a folder in the order of their names. */
export function filesIn(path: string): string[] {
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.(pem|crt|cer)$/i.test(name));
  return names.sort().map((name) => join(path, name));
}

function certificatesIn(path: string): X509Certificate[] {
  const blocks = blocksOf(readFileSync(path, 'utf8'), 'CERTIFICATE');
  if (blocks.length === 0) throw new Error(`${path} has no certificate in PEM`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error(`${path} has a certificate that cannot be read`, { cause: error });
    }
  });
}

/** Reads lists that one of the authorities signed. @throws Error for any other */
export async function readRevocations(
  path: string,
  authorities: readonly X509Certificate[],
): Promise<Revocations> {
  const revoked = new Map<string, Set<string>>();
  if (!existsSync(path)) return revoked;
  const blocks = blocksOf(readFileSync(path, 'utf8'), '(?:X509 )?CRL');
  if (blocks.length === 0) throw new Error(`${path} has no revocation list in PEM`);
  // Loaded by those only that have lists.
  const { X509Crl, PublicKey } = await import('./x509.ts');
  for (const block of blocks) {
    const body = block.replace(/-----[^-]+-----/g, '');
    const crl = new X509Crl(Buffer.from(body, 'base64'));
    let signer: X509Certificate | undefined;
    for (const authority of authorities) {
      const spki = authority.publicKey.export({ type: 'spki', format: 'der' });
      if (await crl.verify({ publicKey: new PublicKey(spki) }).catch(() => false))
        signer = authority;
    }
    if (!signer) throw new Error(`${path} has a list that no authority here signed`);
    const id = plainHex(signer.fingerprint256);
    const serials = revoked.get(id) ?? new Set();
    for (const { serialNumber } of crl.entries) serials.add(plainSerial(serialNumber));
    revoked.set(id, serials);
  }
  return revoked;
}

/** A serial without the zeros in front that are shown by some and not by others. */
export const plainSerial = (serial: string): string => serial.toLowerCase().replace(/^0+(?=.)/, '');

/** By fingerprint. @throws Error that says what is wrong with it */
export function readBookFile(path: string): ReadonlyMap<string, BookEntry> {
  if (!existsSync(path)) return new Map();
  try {
    const entries = readBook(readFileSync(path, 'utf8'));
    return new Map(entries.map((entry) => [entry.fingerprint, entry]));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

const blocksOf = (text: string, label: string): string[] =>
  text.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? [];
