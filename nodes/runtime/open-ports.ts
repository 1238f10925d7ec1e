import { isAbsolute, join } from 'node:path';
import { createEmbeddedBroker } from '../adapters/mqtt/embedded-broker.ts';
import { createExternalBroker } from '../adapters/mqtt/external-broker.ts';
import { createSqliteTelemetryStore } from '../adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { KeyRing, Principal } from '../core/security/types.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import type { BrokerSettings, HubSettings } from './settings.ts';

/** Opens the telemetry store a `store` node describes. @throws Error when it cannot be opened */
export function openStore(settings: HubSettings, log: Log): Promise<TelemetryStore> {
  if (settings.store.kind !== 'sqlite') throw new Error(`no store ${settings.store.kind}`);
  const path = settings.store.file || 'telemetry.db';
  return createSqliteTelemetryStore({
    file: isAbsolute(path) ? path : join(settings.dataDir, path),
    log,
  });
}

/** Starts or connects to the broker a `broker` node describes. @throws Error when its port cannot be listened on */
export async function openBroker(
  settings: BrokerSettings,
  deps: { keys: KeyRing; devices: DeviceRegistry; ids: Ids; log: Log },
): Promise<MqttLink> {
  const { keys, devices, ids, log } = deps;
  if (settings.kind === 'external') {
    const { url, clientId, username, password, tls } = settings;
    return createExternalBroker({
      url,
      // The broker keeps the hub's session under this name, so it must not change with a restart.
      clientId: clientId || `llm-iot-hub-${ids.hash(url).slice(0, 12)}`,
      log,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls }),
    });
  }
  return createEmbeddedBroker({
    host: settings.host,
    port: settings.port,
    authenticate: (username, password) => mqttPrincipal(keys, username, password),
    ownerOf: (id) => devices.ownerOf(id),
    log,
  });
}

/** The key is the password; the user name must say the same: `register`, `admin`, or the device's own id. */
function mqttPrincipal(keys: KeyRing, username: string, password: string): Principal | undefined {
  const principal = keys.authenticate(password);
  if (!principal) return undefined;
  const name = principal.registration
    ? 'register'
    : (principal.device_id ?? (principal.role === 'llm_admin' ? 'admin' : undefined));
  return name === username ? principal : undefined;
}
