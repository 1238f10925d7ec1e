import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Caller, ClientCertificate, Credentials } from '../../core/security/authentication.ts';
import type { Transport } from '../../core/rpc/types.ts';
import { cleanText } from '../../core/text.ts';
import { isTraceparent } from '../../core/traceparent.ts';
import { peerAddress, type AddressOf } from './client-address.ts';

/** The key of an `Authorization: Bearer <key>` header (RFC 6750); undefined without one. */
export function bearerKey(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** The client certificate of a connection, if it stands for somebody. */
export type CertificateOf = (socket: Duplex) => ClientCertificate | undefined;

/** What a request shows to prove who it is from. */
export function credentialsOf(
  req: IncomingMessage,
  certificateOf: CertificateOf | undefined,
  secret = bearerKey(req.headers),
): Credentials {
  const certificate = certificateOf?.(req.socket);
  return { ...(secret !== undefined && { secret }), ...(certificate && { certificate }) };
}

const longestAgent = 128;

/** By what way a request came, and from where and what it says it is. */
export function callerOf(
  req: IncomingMessage,
  transport: Transport,
  addressOf: AddressOf = peerAddress,
): Caller {
  const { 'user-agent': userAgent, traceparent } = req.headers;
  const agent = cleanText(userAgent, longestAgent);
  return {
    transport,
    address: addressOf(req),
    ...(agent !== '' && { agent }),
    ...(isTraceparent(traceparent) && { traceparent }),
  };
}
