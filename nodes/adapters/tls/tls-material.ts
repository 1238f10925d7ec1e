import { constants } from 'node:crypto';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { BookEntry } from '../../core/security/certificate-book.ts';
import type { Log } from '../../core/log.ts';
import {
  readAuthorities,
  readBookFile,
  readPair,
  readRevocations,
  type Authorities,
  type Revocations,
  type ServerPair,
  type TlsFilePaths,
} from './tls-files.ts';
import { watchFiles } from './watch-files.ts';

/** What the files of TLS say now. */
export interface TlsMaterial {
  pair(): ServerPair;
  authorities(): Authorities;
  revocations(): Revocations;
  book(): ReadonlyMap<string, BookEntry>;
  /** What is wrong with files that changed; what was there before counts on. */
  problems(): string[];
  /** Told after files have changed and been read; the answer stops that. */
  onChange(listener: () => void): () => void;
  close(): void;
}

/** @throws Error that says what is wrong with which file */
export async function openTlsMaterial(paths: TlsFilePaths, log: Log): Promise<TlsMaterial> {
  const begun = Promise.withResolvers<undefined>();
  let reloading: Promise<unknown> = begun.promise;
  // Watched before they are read, so that no change is missed.
  const stop = await watchFiles(pathsOf(paths), () => {
    reloading = reloading.then(reload);
  });
  let pair: ServerPair;
  let authorities: Authorities;
  let revocations: Revocations;
  let book: ReadonlyMap<string, BookEntry>;
  try {
    pair = readPair(paths);
    authorities = readAuthorities(paths);
    revocations = await readRevocations(paths.revocations, authorities.all);
    book = readBookFile(paths.book);
  } catch (error) {
    stop();
    throw error;
  }
  const problems = new Map<string, string>();
  const listeners = new Set<() => void>();

  const attempt = async (part: string, read: () => unknown): Promise<void> => {
    try {
      await read();
      problems.delete(part);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (problems.get(part) !== why) log.error(`TLS: ${why}; what was there before counts on`);
      problems.set(part, why);
    }
  };
  async function reload(): Promise<void> {
    const before = pair.cert;
    await attempt('pair', () => (pair = readPair(paths)));
    await attempt('authorities', () => (authorities = readAuthorities(paths)));
    await attempt('revocations', async () => {
      revocations = await readRevocations(paths.revocations, authorities.all);
    });
    await attempt('book', () => (book = readBookFile(paths.book)));
    if (pair.cert !== before) {
      const { fingerprint256, validTo } = pair.certificate;
      log.info(`TLS: the certificate is now ${fingerprint256}, valid to ${validTo}`);
    }
    for (const listener of listeners) listener();
  }
  begun.resolve(undefined);

  return {
    pair: () => pair,
    authorities: () => authorities,
    revocations: () => revocations,
    book: () => book,
    problems: () => [...problems.values()],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop();
      listeners.clear();
    },
  };
}

const pathsOf = (paths: TlsFilePaths): string[] => [
  ...[paths.certificate, paths.key, paths.authority, paths.revocations, paths.book],
  ...(paths.clientAuthorities === undefined ? [] : [paths.clientAuthorities]),
];

/** Longest that a handshake may take. */
const handshakeMs = 10_000;

/** Options of a TLS server whose context may be exchanged for one with other files. */
export function contextOptions(
  { cert, key }: Pick<ServerPair, 'cert' | 'key'>,
  { all }: Pick<Authorities, 'all'>,
): SecureContextOptions {
  return {
    cert,
    key,
    minVersion: 'TLSv1.3',
    // Without this OpenSSL would take client certificates of every authority it knows.
    ca: all.map(String),
    // A session that is taken up again would keep what was true of a certificate when it began.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** @param clients whether client certificates are asked for */
export function serverOptions(
  pair: Pick<ServerPair, 'cert' | 'key'>,
  authorities: Pick<Authorities, 'all'>,
  clients: 'off' | 'optional' | 'required',
): TlsOptions {
  return {
    ...contextOptions(pair, authorities),
    requestCert: clients !== 'off',
    rejectUnauthorized: clients === 'required',
    handshakeTimeout: handshakeMs,
  };
}
