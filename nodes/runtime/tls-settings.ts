import { isAbsolute, join } from 'node:path';
import { tlsFolderOf } from '../adapters/tls/tls-folder.ts';
import type { TlsFilePaths } from '../adapters/tls/tls-files.ts';

/** Whether clients show certificates: not asked for, asked for, or no connection without one. */
export type ClientCertificates = 'off' | 'optional' | 'required';

/** How a hub is reached over TLS. */
export interface TlsSettings extends TlsFilePaths {
  /** For MQTT; HTTP and WebSocket are served where Node-RED is. */
  mqttPort: number;
  clientCertificates: ClientCertificates;
  /** Where MQTT without TLS is still served: on the address of the broker, on the loopback only, or nowhere. */
  plainMqtt: 'on' | 'loopback' | 'off';
}

/** The fields of the broker's form; flows from before there was TLS have none. */
export interface TlsFields {
  tlsMode?: string;
  tlsPort?: string | number;
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
  tlsClientCa?: string;
  tlsCrl?: string;
  tlsClients?: string;
  tlsPlain?: string;
  tlsMinVersion?: string;
}

const variables: Record<keyof TlsFields, string> = {
  tlsMode: 'LLM_IOT_TLS',
  tlsPort: 'LLM_IOT_TLS_MQTT_PORT',
  tlsCert: 'LLM_IOT_TLS_CERT',
  tlsKey: 'LLM_IOT_TLS_KEY',
  tlsCa: 'LLM_IOT_TLS_CA',
  tlsClientCa: 'LLM_IOT_TLS_CLIENT_CA',
  tlsCrl: 'LLM_IOT_TLS_CRL',
  tlsClients: 'LLM_IOT_TLS_CLIENT_CERTIFICATES',
  tlsPlain: 'LLM_IOT_TLS_PLAIN_MQTT',
  tlsMinVersion: 'LLM_IOT_TLS_MIN_VERSION',
};

const standardPort = 8883;

/**
 * The settings of TLS from the broker's form, where it is blank from the environment; undefined when it is off.
 * @throws Error that says which setting is wrong, and how
 */
export function tlsSettingsFrom(
  fields: TlsFields,
  env: Record<string, string | undefined>,
  dataDir: string,
): TlsSettings | undefined {
  const text = (name: keyof TlsFields): string =>
    (String(fields[name] ?? '') || env[variables[name]] || '').trim();
  const choose = <T extends string>(
    name: keyof TlsFields,
    choices: readonly T[],
    standard: T,
  ): T => {
    const given = text(name) || standard;
    const known = choices.find((choice) => choice === given);
    if (known !== undefined) return known;
    throw wrong(`${variables[name]} is one of ${choices.join(', ')}, not "${given}"`);
  };
  if (choose('tlsMode', ['off', 'on'], 'off') === 'off') return undefined;

  const version = text('tlsMinVersion');
  if (version !== '' && !/^(TLSv?)?1\.3$/i.test(version)) {
    throw wrong(
      `the least version is TLSv1.3, and there is none above it: "${version}" is refused`,
    );
  }
  const mqttPort = text('tlsPort') === '' ? standardPort : Number(text('tlsPort'));
  if (!Number.isInteger(mqttPort) || mqttPort < 0 || mqttPort > 65_535) {
    throw wrong(`the port is a number up to 65535, not "${text('tlsPort')}"`);
  }
  const clientCertificates = choose('tlsClients', ['off', 'optional', 'required'], 'off');
  const isRequired = clientCertificates === 'required';
  const plainMqtt = choose('tlsPlain', ['on', 'loopback', 'off'], isRequired ? 'off' : 'loopback');
  if (isRequired && plainMqtt !== 'off') {
    throw wrong('with client certificates required, MQTT without TLS must be off');
  }
  const folder = tlsFolderOf(dataDir);
  const path = (name: keyof TlsFields, standard: string): string => {
    const given = text(name) || standard;
    return isAbsolute(given) ? given : join(dataDir, given);
  };
  return {
    mqttPort,
    clientCertificates,
    plainMqtt,
    certificate: path('tlsCert', folder.certificate),
    key: path('tlsKey', folder.key),
    authority: path('tlsCa', folder.caCertificate),
    ...(text('tlsClientCa') === '' ? {} : { clientAuthorities: path('tlsClientCa', '') }),
    revocations: path('tlsCrl', folder.revocations),
    book: folder.book,
  };
}

const wrong = (reason: string): Error => new Error(`TLS: ${reason}`);
