import type { TlsOptions } from 'node:tls';
import { readAuthorities, readPair } from '../adapters/tls/tls-files.ts';
import { serverOptions } from '../adapters/tls/tls-material.ts';
import { tlsSettingsFrom } from './tls-settings.ts';

/**
 * What Node-RED's server is made with, for its setting `https`; undefined when the environment has TLS off.
 * @throws Error that says which setting or file is wrong
 */
export function httpsOptionsFrom(
  env: Record<string, string | undefined>,
  dataDir: string,
): (TlsOptions & { usesHubFiles: true }) | undefined {
  const settings = tlsSettingsFrom({}, env, dataDir);
  if (!settings) return undefined;
  const { clientCertificates } = settings;
  const options = serverOptions(readPair(settings), readAuthorities(settings), clientCertificates);
  return { ...options, usesHubFiles: true };
}
