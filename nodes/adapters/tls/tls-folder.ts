import { join } from 'node:path';

/** The files of `<data directory>/tls`. */
export interface TlsFolder {
  folder: string;
  caCertificate: string;
  caKey: string;
  certificate: string;
  key: string;
  revocations: string;
  /** What was issued, and whom certificates stand for. */
  book: string;
}

export function tlsFolderOf(dataDir: string): TlsFolder {
  const folder = join(dataDir, 'tls');
  return {
    folder,
    caCertificate: join(folder, 'ca.crt'),
    caKey: join(folder, 'ca.key'),
    certificate: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
    revocations: join(folder, 'crl.pem'),
    book: join(folder, 'certificates.json'),
  };
}
