import type { IncomingHttpHeaders } from 'node:http';

/** The key of an `Authorization: Bearer <key>` header (RFC 6750); undefined without one. */
export function bearerKey(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}
