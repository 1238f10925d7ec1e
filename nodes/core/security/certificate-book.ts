import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { readScope } from './scope.ts';
import { roles, type Role, type Scope } from './types.ts';

/** A certificate the hub issued, or one of another authority that was bound to somebody. */
export interface BookEntry {
  kind: 'server' | 'client' | 'bound';
  /** Common name. */
  subject: string;
  /** Hexadecimal in lower case. */
  serial: string;
  /** SHA-256, hexadecimal in lower case. */
  fingerprint: string;
  /** ISO 8601, as are the others. */
  valid_from: string;
  valid_to: string;
  revoked_at?: string;
  /** Whom it stands for: a device, or somebody with a role. */
  device_id?: string;
  role?: Role;
  name?: string;
  scope?: Scope;
}

/** `AB:CD…` or `abcd…` as the hub keeps it. */
export const plainHex = (text: string): string => text.replaceAll(':', '').trim().toLowerCase();

/** As OpenSSL and browsers show it. */
export const shownHex = (hex: string): string => (hex.toUpperCase().match(/../g) ?? []).join(':');

/** @throws Error that says what is wrong with the text of the book */
export function readBook(text: string): BookEntry[] {
  const parsed = JSON.parse(text) as { certificates?: unknown };
  if (!Array.isArray(parsed.certificates)) throw new Error('it has no list of certificates');
  return (parsed.certificates as Partial<BookEntry>[]).map((entry, index) => {
    const { kind, subject, serial, fingerprint, valid_from, valid_to, role, scope } = entry;
    const isComplete =
      ['server', 'client', 'bound'].includes(kind ?? '') &&
      typeof subject === 'string' &&
      /^[0-9a-f]{1,64}$/.test(serial ?? '') &&
      /^[0-9a-f]{64}$/.test(fingerprint ?? '') &&
      [valid_from, valid_to].every((at) => !Number.isNaN(Date.parse(at ?? ''))) &&
      (role === undefined || roles.includes(role));
    if (!isComplete) throw new Error(`its certificate ${index + 1} is not complete`);
    if (scope !== undefined) readScope(scope, `certificates[${index}].scope`);
    return entry as BookEntry;
  });
}

export const writeBook = (entries: readonly BookEntry[]): string =>
  `${JSON.stringify({ certificates: entries }, null, 2)}\n`;

/** The role somebody asks a certificate to stand for. @throws RpcError -32602 */
export function readBoundRole(role: string): Role {
  const known = roles.find((each) => each === role && each !== 'device');
  if (known) return known;
  const others = roles.filter((each) => each !== 'device').join(', ');
  throw new RpcError(ErrorCode.InvalidParams, `the role is one of ${others}, not "${role}"`);
}
