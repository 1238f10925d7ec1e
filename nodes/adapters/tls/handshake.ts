import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { reasonOf } from './peers.ts';

const reasons: Record<string, string> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no client certificate',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'older than TLS 1.3',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not TLS',
  ERR_SSL_HTTP_REQUEST: 'not TLS',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'took too long',
};

/** Why a handshake failed, and with whom. A socket that was cut knows its peer no more; the one below it does. */
export function failureOf(
  socket: TLSSocket,
  error: Error & { code?: unknown },
  addressOf: (socket: Socket) => string | undefined,
): { address: string; reason: string; isCertificate: boolean } {
  const { _parent: below } = socket as unknown as { _parent?: Socket };
  const address = socket.remoteAddress ?? (below && addressOf(below)) ?? '';
  const code = String(error.code);
  const why = socket.authorizationError as unknown as string | null | undefined;
  if (why !== null && why !== undefined)
    return { address, reason: `the certificate is ${reasonOf(why)}`, isCertificate: true };
  return {
    address,
    reason: reasons[code] ?? error.message.slice(0, 200),
    isCertificate: code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
  };
}
