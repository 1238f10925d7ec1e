import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Caller, Credentials } from '../../core/security/authentication.ts';
import type { Transport } from '../../core/rpc/types.ts';
import { peerAddress, type AddressOf } from './client-address.ts';

/** The key of an `Authorization: Bearer <key>` header (RFC 6750); undefined without one. */
export function bearerKey(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** What a request shows to prove who it is from. */
export function credentialsOf(req: IncomingMessage, secret = bearerKey(req.headers)): Credentials {
  return secret === undefined ? {} : { secret };
}

export function callerOf(
  req: IncomingMessage,
  transport: Transport,
  addressOf: AddressOf = peerAddress,
): Caller {
  return { transport, address: addressOf(req) };
}
