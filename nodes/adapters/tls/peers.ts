import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { plainHex } from '../../core/security/certificate-book.ts';
import type { ClientCertificate } from '../../core/security/authentication.ts';
import { plainSerial } from './tls-files.ts';
import type { TlsMaterial } from './tls-material.ts';

/** A certificate that is not taken, and why. */
export interface RefusedCertificate {
  address: string;
  /** Undefined for a certificate that could not be read. */
  certificate: ClientCertificate | undefined;
  reason: string;
}

/** The client certificates of the connections there are. */
export interface Peers {
  /**
   * The certificate a peer showed, once it is known to be of a trusted authority and not revoked; undefined for a peer
   * without one, and for one whose certificate is not taken. The connection of a revoked one is cut.
   */
  certificateOf(socket: Duplex): ClientCertificate | undefined;
  /** Cuts the connections whose certificates have been revoked. */
  recheck(): void;
}

export function createPeers(deps: {
  material: TlsMaterial;
  onRefused: (refused: RefusedCertificate) => void;
}): Peers {
  const { material, onRefused } = deps;
  const known = new WeakMap<Duplex, ClientCertificate | undefined>();
  const open = new Map<TLSSocket, ClientCertificate>();

  const isRevoked = ({ authority, serial, fingerprint }: ClientCertificate): boolean =>
    material.book().get(fingerprint)?.revoked_at !== undefined ||
    (authority !== undefined && material.revocations().get(authority)?.has(serial) === true);

  const refuse = (socket: TLSSocket, certificate: ClientCertificate, reason: string): void =>
    onRefused({ address: socket.remoteAddress ?? '', certificate, reason });
  const cut = (socket: TLSSocket, certificate: ClientCertificate): void => {
    refuse(socket, certificate, 'revoked');
    open.delete(socket);
    known.set(socket, undefined);
    socket.destroy();
  };

  const look = (socket: TLSSocket): ClientCertificate | undefined => {
    const certificate = readPeer(socket, material);
    if (!certificate) return undefined;
    if (!socket.authorized) {
      const why = String(socket.authorizationError);
      refuse(socket, certificate, reasonOf(why));
      return undefined;
    }
    if (isRevoked(certificate)) {
      cut(socket, certificate);
      return undefined;
    }
    open.set(socket, certificate);
    socket.once('close', () => open.delete(socket));
    return certificate;
  };

  return {
    certificateOf(socket) {
      if (!(socket instanceof TLSSocket)) return undefined;
      if (!known.has(socket)) known.set(socket, look(socket));
      return known.get(socket);
    },
    recheck() {
      for (const [socket, certificate] of [...open]) {
        if (isRevoked(certificate)) cut(socket, certificate);
      }
    },
  };
}

/** What a peer showed, whether it is worth anything or not. */
export function readPeer(
  socket: TLSSocket,
  material: Pick<TlsMaterial, 'authorities'>,
): ClientCertificate | undefined {
  const shown = socket.getPeerX509Certificate();
  if (!shown) return undefined;
  const { own, all } = material.authorities();
  const issued = (by: X509Certificate): boolean =>
    shown.checkIssued(by) && shown.verify(by.publicKey);
  const authority = all.find(issued);
  const names = shown.toLegacyObject().subject as { CN?: string | string[] };
  return {
    fingerprint: plainHex(shown.fingerprint256),
    // Somebody with several names is nobody in particular.
    subject: typeof names.CN === 'string' ? names.CN : '',
    serial: plainSerial(shown.serialNumber),
    validFrom: Date.parse(shown.validFrom),
    validTo: Date.parse(shown.validTo),
    isOwn: authority !== undefined && authority === own,
    ...(authority && { authority: plainHex(authority.fingerprint256) }),
  };
}

const reasons: Record<string, string> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'of an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'of an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'of an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'of an authority that is not trusted here',
  INVALID_PURPOSE: 'not for clients',
};

/** What an error code of OpenSSL means, for people. */
export const reasonOf = (code: string): string => reasons[code] ?? code;
