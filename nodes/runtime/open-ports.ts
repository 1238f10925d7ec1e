import { isAbsolute, join } from 'node:path';
import { createEmbeddedBroker, type RefusedTopic } from '../adapters/mqtt/embedded-broker.ts';
import { createExternalBroker } from '../adapters/mqtt/external-broker.ts';
import { createSpooledTelemetryStore } from '../adapters/storage/remote/spooled-telemetry-store.ts';
import { createSqliteTelemetryStore } from '../adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Authenticate } from '../core/security/authentication.ts';
import type { KeyRing } from '../core/security/types.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../core/telemetry/remote.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import type { Stands } from './hub-authentication.ts';
import type { HubLimits } from './hub-limits.ts';
import type { HubTls } from './hub-tls.ts';
import type { BrokerSettings, HubSettings, RemoteStoreSettings } from './settings.ts';

/** Longest that one request to a database elsewhere may take. */
const remoteTimeoutMs = 10_000;

/** Opens the telemetry store a `store` node describes. @throws Error when it cannot be opened */
export async function openStore(
  settings: HubSettings,
  deps: { clock: Clock; ids: Ids; log: Log },
): Promise<TelemetryStore> {
  const { store, dataDir } = settings;
  const { clock, ids, log } = deps;
  if (store.kind === 'sqlite') {
    const path = store.file || 'telemetry.db';
    return createSqliteTelemetryStore({
      file: isAbsolute(path) ? path : join(dataDir, path),
      log,
    });
  }
  // What waits for one database must not be delivered to another.
  const place = ids.hash(placeOf(store)).slice(0, 8);
  return createSpooledTelemetryStore({
    remote: await connectRemote(store),
    file: join(dataDir, `spool-${store.kind}-${place}.db`),
    maxBytes: store.spoolMaxBytes,
    clock,
    log,
  });
}

/**
 * Opens a database elsewhere, makes what is missing there, and closes it again.
 * @returns its name and how many series it has, for people
 * @throws Error that says what is wrong
 */
export async function tryRemote(settings: RemoteStoreSettings): Promise<string> {
  const remote = await connectRemote(settings);
  try {
    const series = await remote.open();
    return `${remote.name()}: ${series.length} series`;
  } finally {
    await remote.close();
  }
}

/** The adapters and their clients are loaded by those hubs only that use them. */
async function connectRemote(settings: RemoteStoreSettings): Promise<RemoteDatabase> {
  const timeoutMs = remoteTimeoutMs;
  switch (settings.kind) {
    case 'influxdb1': {
      const { createInflux1Database } =
        await import('../adapters/storage/influx/influx1-database.ts');
      return createInflux1Database({ ...settings, timeoutMs });
    }
    case 'influxdb2': {
      const { createInflux2Database } =
        await import('../adapters/storage/influx/influx2-database.ts');
      return createInflux2Database({ ...settings, timeoutMs });
    }
    case 'influxdb3': {
      const { createInflux3Database } =
        await import('../adapters/storage/influx/influx3-database.ts');
      return createInflux3Database({ ...settings, timeoutMs });
    }
    case 'postgresql': {
      const { createPostgresDatabase } =
        await import('../adapters/storage/postgres/postgres-database.ts');
      return createPostgresDatabase({ ...settings, timeoutMs });
    }
  }
}

function placeOf(store: RemoteStoreSettings): string {
  const { kind, url } = store;
  const place = kind === 'influxdb2' ? [store.organization, store.bucket] : [store.database];
  return JSON.stringify([kind, url, ...place]);
}

/** Starts or connects to the broker a `broker` node describes. @throws Error when its port or file cannot be used */
export async function openBroker(
  settings: BrokerSettings,
  deps: {
    authenticate: Authenticate;
    stands: Stands;
    keys: KeyRing;
    devices: DeviceRegistry;
    clock: Clock;
    ids: Ids;
    limits: Pick<HubLimits, 'broker'>;
    tls: Pick<HubTls, 'door' | 'plainHost' | 'isCurrent'>;
    onRefused: (refused: RefusedTopic) => void;
    dataDir: string;
    log: Log;
  },
): Promise<MqttLink> {
  const { authenticate, stands, keys, devices, clock, ids, tls, log } = deps;
  if (settings.kind === 'external') {
    const { url, clientId, username, password, tls: options } = settings;
    return createExternalBroker({
      url,
      // The broker keeps the hub's session under this name, so it must not change with a restart.
      clientId: clientId || `llm-iot-hub-${ids.hash(url).slice(0, 12)}`,
      log,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(options === undefined ? {} : { tls: options }),
    });
  }
  const plainHost = tls.plainHost(settings.host);
  return createEmbeddedBroker({
    host: plainHost ?? settings.host,
    port: plainHost === undefined ? undefined : settings.port,
    secure: tls.door(settings.host),
    authenticate,
    stands,
    clock,
    ownerOf: (id) => devices.ownerOf(id),
    canSee: devices.canSee,
    sessions: {
      path: join(deps.dataDir, 'mqtt.db'),
      isCurrent: (principal) => keys.has(principal.id) || tls.isCurrent(principal),
    },
    ...deps.limits.broker,
    onRefused: deps.onRefused,
    log,
  });
}
