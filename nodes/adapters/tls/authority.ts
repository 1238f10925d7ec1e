import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
  type Extension,
} from './x509.ts';

/** A certificate with its private key, both PEM. */
export interface CertificatePair {
  certificate: string;
  key: string;
}

/** A certificate authority that can sign. */
export interface Authority {
  /** @param hosts names and IP addresses it is for; at least one */
  issueServer(hosts: readonly string[], days: number): Promise<CertificatePair>;
  /** A certificate for clients alone. @param commonName at most 64 characters */
  issueClient(commonName: string, days: number): Promise<CertificatePair>;
  /** The revocation list, PEM. @param revoked serials in hexadecimal; `at` in milliseconds */
  signRevocations(revoked: readonly { serial: string; at: number }[]): Promise<string>;
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** For devices whose clock is a little behind. */
const backdatedMs = 5 * 60_000;
const maxCommonName = 64;

/** A new authority: ECDSA P-256, signed by itself, allowed to sign certificates for ends and revocation lists only. */
export async function createAuthority(name: string, days: number): Promise<CertificatePair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...term(days),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: signing,
    serialNumber: newSerial(),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
}

/** @throws Error when the two do not belong together, or are no authority of this kind */
export async function openAuthority(pair: CertificatePair): Promise<Authority> {
  const ca = new X509Certificate(pair.certificate);
  const key = await crypto.subtle
    .importKey('pkcs8', PemConverter.decodeFirst(pair.key), curve, false, ['sign'])
    .catch((cause: unknown) => {
      throw new Error('the key of the authority is no ECDSA P-256 key', { cause });
    });
  await checkPair(ca, key);

  const issue = async (
    commonName: string,
    days: number,
    extensions: Extension[],
  ): Promise<CertificatePair> => {
    const keys = await newKeys();
    const { notBefore, notAfter } = term(days);
    const certificate = await X509CertificateGenerator.create({
      notBefore: new Date(Math.max(notBefore.getTime(), ca.notBefore.getTime())),
      notAfter: new Date(Math.min(notAfter.getTime(), ca.notAfter.getTime())),
      subject: [{ CN: [commonName] }],
      issuer: ca.subjectName.toJSON(),
      publicKey: keys.publicKey,
      signingKey: key,
      signingAlgorithm: signing,
      serialNumber: newSerial(),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        ...extensions,
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
        await AuthorityKeyIdentifierExtension.create(ca),
      ],
    });
    return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
  };

  return {
    issueServer(hosts, days) {
      const names = hosts.map((host) => ({
        type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
        value: host,
      }));
      return issue((hosts[0] ?? '').slice(0, maxCommonName), days, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names),
      ]);
    },
    issueClient(commonName, days) {
      if (commonName === '' || commonName.length > maxCommonName || /\p{Cc}/u.test(commonName)) {
        const wanted = `1 to ${maxCommonName} characters, and no control characters`;
        throw new Error(`the name in a certificate has ${wanted}`);
      }
      return issue(commonName, days, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ]);
    },
    async signRevocations(revoked) {
      const crl = await X509CrlGenerator.create({
        issuer: ca.subjectName.toJSON(),
        thisUpdate: new Date(Date.now() - 1000),
        nextUpdate: ca.notAfter,
        signingAlgorithm: signing,
        signingKey: key,
        entries: revoked.map(({ serial, at }) => ({
          serialNumber: serial,
          revocationDate: new Date(at),
          reason: X509CrlReason.privilegeWithdrawn,
        })),
        extensions: [await AuthorityKeyIdentifierExtension.create(ca)],
      });
      // The library has a label of its own, which OpenSSL does not know.
      return `${PemConverter.encode(crl.rawData, 'X509 CRL')}\n`;
    },
  };
}

const newKeys = (): Promise<CryptoKeyPair> =>
  crypto.subtle.generateKey(curve, true, ['sign', 'verify']);

const term = (days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - backdatedMs),
  notAfter: new Date(Date.now() + days * dayMs),
});

/** 126 random bits; the first two keep it positive and of full length. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

async function keyPem(key: CryptoKey): Promise<string> {
  const bytes = await crypto.subtle.exportKey('pkcs8', key);
  return `${PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

async function checkPair(ca: X509Certificate, key: CryptoKey): Promise<void> {
  const text = randomBytes(16);
  const signature = await crypto.subtle.sign(signing, key, text);
  const publicKey = await crypto.subtle
    .importKey('spki', ca.publicKey.rawData, curve, false, ['verify'])
    .catch(() => undefined);
  const fits = publicKey && (await crypto.subtle.verify(signing, publicKey, signature, text));
  if (!fits) throw new Error('the key of the authority is not that of its certificate');
}
