import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { plainAddress } from '../../core/security/network.ts';
import type { AddressList } from '../limits/address-list.ts';

/** The address a request comes from. */
export type AddressOf = (req: {
  socket: { remoteAddress?: string | undefined };
  headers: IncomingHttpHeaders;
}) => string;

export const peerAddress: AddressOf = (req) => plainAddress(req.socket.remoteAddress ?? '');

/** More hops than that are not looked at. */
const mostHops = 20;

/**
 * The address of the client behind trusted proxies: each of them appended to `X-Forwarded-For` whom it got the request
 * from, so the last address that is no trusted proxy is the client's. From anybody else the header is not believed.
 */
export function createClientAddress(isTrusted: AddressList): AddressOf {
  return (req) => {
    const peer = peerAddress(req);
    const forwarded = req.headers['x-forwarded-for'];
    if (forwarded === undefined || !isTrusted(peer)) return peer;
    let client = peer;
    for (const hop of [forwarded].flat().join(',').split(',').slice(-mostHops).reverse()) {
      const address = plainAddress(hop.trim());
      if (isIP(address) === 0) return client;
      client = address;
      if (!isTrusted(address)) return client;
    }
    return client;
  };
}
