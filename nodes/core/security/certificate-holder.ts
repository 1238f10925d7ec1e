import type { Clock } from '../clock.ts';
import type { AuthenticationWay, ClientCertificate } from './authentication.ts';
import type { BookEntry } from './certificate-book.ts';
import type { Principal } from './types.ts';

/** Whom a certificate stands for, or why for nobody. */
export type Holder = { principal: Principal } | { refused: string };

/**
 * A certificate stands for whom its fingerprint is bound to; otherwise, if the hub's own authority issued it, for the
 * device whose id is its common name. The same device has the same principal with every certificate, so that its MQTT
 * sessions outlive a renewal.
 */
export function createCertificateHolder(deps: {
  bound: (fingerprint: string) => BookEntry | undefined;
  hasDevice: (id: string) => boolean;
  clock: Clock;
}): (certificate: ClientCertificate) => Holder {
  const { bound, hasDevice, clock } = deps;
  return (certificate) => {
    const { fingerprint, subject, isOwn, validFrom, validTo } = certificate;
    const now = clock.now();
    if (now < validFrom) return { refused: 'not yet valid' };
    if (now >= validTo) return { refused: 'expired' };
    const entry = bound(fingerprint);
    if (entry?.revoked_at !== undefined) return { refused: 'revoked' };
    if (entry?.kind === 'server') return { refused: 'not for clients' };
    const shared = { means: 'certificate', expires_at: new Date(validTo).toISOString() } as const;
    if (entry?.role !== undefined) {
      const { role, name = subject, scope } = entry;
      const id = `certificate:${fingerprint.slice(0, 32)}`;
      return { principal: { id, role, name, ...(scope && { scope }), ...shared } };
    }
    const deviceId = entry?.device_id ?? (isOwn ? subject : undefined);
    if (deviceId === undefined || !hasDevice(deviceId))
      return { refused: 'stands for nobody here' };
    const id = idOfDevice(deviceId);
    return { principal: { id, role: 'device', device_id: deviceId, ...shared } };
  };
}

const idOfDevice = (deviceId: string): string => `certificate:${deviceId}`;

/** Whether a principal of an earlier process that had come with a certificate may still have sessions. */
export function isCurrentHolder(
  { id, device_id: deviceId, means }: Principal,
  deps: { entries: () => Iterable<BookEntry>; hasDevice: (id: string) => boolean },
): boolean {
  if (means !== 'certificate') return false;
  if (deviceId !== undefined) return id === idOfDevice(deviceId) && deps.hasDevice(deviceId);
  for (const { fingerprint, role, revoked_at: revoked } of deps.entries()) {
    if (
      role !== undefined &&
      revoked === undefined &&
      id === `certificate:${fingerprint.slice(0, 32)}`
    )
      return true;
  }
  return false;
}

/** The way in for those who show a certificate and nothing else: a wrong key is not made good by it. */
export function createCertificateWay(
  holderOf: (certificate: ClientCertificate) => Holder,
  onRefused: (certificate: ClientCertificate, address: string, reason: string) => void,
): AuthenticationWay {
  return ({ secret, certificate }, { address }) => {
    if (secret !== undefined || !certificate) return undefined;
    const holder = holderOf(certificate);
    if ('principal' in holder) return holder.principal;
    onRefused(certificate, address, holder.refused);
    return undefined;
  };
}

/** Whether a key or token may be used on a connection with this certificate: not one device's on another's. */
export function mayShare(principal: Principal, holder: Holder): boolean {
  if ('refused' in holder || principal.device_id === undefined) return true;
  const { device_id: deviceId } = holder.principal;
  return deviceId === undefined || deviceId === principal.device_id;
}
