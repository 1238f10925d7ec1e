import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer, type TLSSocket } from 'node:tls';
import type { SecureDoor } from '../adapters/mqtt/doors.ts';
import { failureOf } from '../adapters/tls/handshake.ts';
import { createPeers } from '../adapters/tls/peers.ts';
import { contextOptions, openTlsMaterial, serverOptions } from '../adapters/tls/tls-material.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { AuthenticationWay, ClientCertificate } from '../core/security/authentication.ts';
import { plainHex } from '../core/security/certificate-book.ts';
import {
  createCertificateHolder,
  createCertificateWay,
  isCurrentHolder,
  mayShare,
} from '../core/security/certificate-holder.ts';
import type { Principal } from '../core/security/types.ts';
import type { TlsSettings } from './tls-settings.ts';

/** TLS of a hub: its certificate, and those of its clients. */
export interface HubTls {
  /** Whom a certificate stands for. */
  way: AuthenticationWay;
  /** Whether who came with a key or token may use it on a connection with this certificate. */
  mayShare(principal: Principal, certificate: ClientCertificate | undefined): boolean;
  /** The certificate of a connection of HTTP or WebSocket, if it stands for somebody. */
  certificateOf: (socket: Duplex) => ClientCertificate | undefined;
  /** For MQTT; undefined without TLS. */
  door(host: string): SecureDoor | undefined;
  /** Where MQTT without TLS is served; undefined for nowhere. */
  plainHost(host: string): string | undefined;
  /** Whether a connection may be used at all: where certificates are required, only one with a good one. */
  admits(socket: Duplex): boolean;
  /**
   * Looks after the HTTP server the hub lives on; the answer stops that.
   * @param usesFiles whether it was made with the hub's own files, and gets new ones when they change
   * @throws Error when certificates are required and it does not speak TLS
   */
  attach(server: Server, usesFiles: boolean): () => void;
  /** Whether a principal of an earlier process may still have sessions. */
  isCurrent(principal: Principal): boolean;
  /** For `hub.info`; undefined without TLS. */
  stats(): object | undefined;
  problems(): string[];
  close(): void;
}

const withoutTls: HubTls = {
  way: () => undefined,
  mayShare: () => true,
  certificateOf: () => undefined,
  door: () => undefined,
  plainHost: (host) => host,
  admits: () => true,
  attach: () => () => undefined,
  isCurrent: () => false,
  stats: () => undefined,
  problems: () => [],
  close: () => undefined,
};

const dayMs = 86_400_000;
/** From so many days before its end a certificate is a problem. */
const lateDays = 14;
/** What is told of failed handshakes in a minute; more of them would be the attack on the record itself. */
const toldPerMinute = 300;

/** @throws Error that says what is wrong with which file */
export async function openHubTls(deps: {
  settings: TlsSettings | undefined;
  hasDevice: (id: string) => boolean;
  audit: AuditTrail;
  clock: Clock;
  log: Log;
}): Promise<HubTls> {
  const { settings, hasDevice, clock, log } = deps;
  if (!settings) return withoutTls;
  const material = await openTlsMaterial(settings, log);
  const { clientCertificates } = settings;
  if (clientCertificates !== 'off' && material.authorities().all.length === 0) {
    material.close();
    throw new Error(
      `TLS: client certificates are ${clientCertificates}, but there is no authority to trust: ` +
        `neither ${settings.authority} nor LLM_IOT_TLS_CLIENT_CA`,
    );
  }
  const tell = createTelling(deps.audit, clock);
  const refuse = (certificate: ClientCertificate | undefined, address: string, reason: string) =>
    tell({
      action: 'certificate',
      address,
      reason: `the certificate is ${reason}`,
      ...(certificate && { certificate }),
    });
  const peers = createPeers({
    material,
    onRefused: ({ certificate, address, reason }) => refuse(certificate, address, reason),
  });
  const holderOf = createCertificateHolder({
    bound: (fingerprint) => material.book().get(fingerprint),
    hasDevice,
    clock,
  });
  const stopRechecking = material.onChange(() => peers.recheck());
  const onFailure = ({ address, reason, isCertificate }: ReturnType<typeof failureOf>): void =>
    tell({ action: isCertificate ? 'certificate' : 'authentication', address, reason });
  const admits = (socket: Duplex): boolean =>
    clientCertificates !== 'required' || peers.certificateOf(socket) !== undefined;

  return {
    way: createCertificateWay(holderOf, (certificate, address, reason) =>
      tell({ action: 'certificate', address, reason, certificate }),
    ),
    mayShare: (principal, certificate) =>
      !certificate || mayShare(principal, holderOf(certificate)),
    certificateOf(socket) {
      const certificate = peers.certificateOf(socket);
      return certificate && 'principal' in holderOf(certificate) ? certificate : undefined;
    },
    door: (host) => ({
      host,
      port: settings.mqttPort,
      options: () => serverOptions(material.pair(), material.authorities(), clientCertificates),
      onChange: (listener) =>
        material.onChange(() => listener(contextOptions(material.pair(), material.authorities()))),
      certificateOf: (socket) => peers.certificateOf(socket),
      onFailure,
    }),
    plainHost(host) {
      if (settings.plainMqtt === 'off') return undefined;
      return settings.plainMqtt === 'on' ? host : '127.0.0.1';
    },
    admits,
    attach(server, usesFiles) {
      if (!(server instanceof TlsServer)) {
        if (clientCertificates !== 'required') return () => undefined;
        throw new Error(
          'TLS: client certificates are required, but Node-RED serves HTTP without TLS: ' +
            'set LLM_IOT_TLS=on, or https in its settings',
        );
      }
      const addresses = new WeakMap<Socket, string>();
      const onConnection = (socket: Socket): void =>
        void addresses.set(socket, socket.remoteAddress ?? '');
      const onSecure = (socket: TLSSocket): void => {
        if (!admits(socket)) socket.destroy();
      };
      const onError = (error: Error, socket: TLSSocket): void =>
        onFailure(failureOf(socket, error, (below) => addresses.get(below)));
      server.on('connection', onConnection);
      server.on('secureConnection', onSecure);
      server.on('tlsClientError', onError);
      const stop = material.onChange(() => {
        if (usesFiles)
          server.setSecureContext(contextOptions(material.pair(), material.authorities()));
      });
      return () => {
        stop();
        server.off('connection', onConnection);
        server.off('secureConnection', onSecure);
        server.off('tlsClientError', onError);
      };
    },
    isCurrent: (principal) =>
      isCurrentHolder(principal, { entries: () => material.book().values(), hasDevice }),
    stats() {
      const { certificate } = material.pair();
      return {
        min_version: 'TLSv1.3',
        client_certificates: clientCertificates,
        fingerprint: plainHex(certificate.fingerprint256),
        valid_to: new Date(certificate.validTo).toISOString(),
      };
    },
    problems() {
      const left = Date.parse(material.pair().certificate.validTo) - clock.now();
      const late = left < lateDays * dayMs;
      const days = Math.floor(left / dayMs);
      return [
        ...material.problems(),
        ...(left <= 0 ? ['the certificate of the hub has expired'] : []),
        ...(late && left > 0 ? [`the certificate of the hub expires in ${days} days`] : []),
      ];
    },
    close() {
      stopRechecking();
      material.close();
    },
  };
}

/** Tells the record of refused certificates and failed handshakes, so many in a minute. */
function createTelling(audit: AuditTrail, clock: Clock) {
  let minute = 0;
  let told = 0;
  return (refused: {
    action: 'certificate' | 'authentication';
    address: string;
    reason: string;
    certificate?: ClientCertificate;
  }): void => {
    const now = Math.floor(clock.now() / 60_000);
    if (now !== minute) [minute, told] = [now, 0];
    if (told++ >= toldPerMinute) return;
    const { action, address, reason, certificate } = refused;
    audit.record({
      action,
      outcome: 'refused',
      subject: certificate?.subject || 'tls',
      address,
      reason,
      ...(certificate && {
        details: { fingerprint: certificate.fingerprint, serial: certificate.serial },
      }),
    });
  };
}
