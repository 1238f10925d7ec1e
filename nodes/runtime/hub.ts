import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createRpcEndpoint } from '../adapters/http/rpc-endpoint.ts';
import { createMetricsEndpoint } from '../adapters/http/metrics-endpoint.ts';
import { createProcessFigures } from '../adapters/metrics/process-figures.ts';
import { startOpenTelemetrySpan } from '../adapters/tracing/open-telemetry.ts';
import { createSqliteRecordStore } from '../adapters/storage/sqlite-record-store.ts';
import { createRpcSocket, type RpcSocket } from '../adapters/websocket/rpc-socket.ts';
import { createAlerts } from '../core/alert/alerts.ts';
import type { Alerts } from '../core/alert/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { CommandExecutor } from '../core/command/ports.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import { createDeviceRegistry } from '../core/device/registry.ts';
import { createDeviceService, type DeviceService } from '../core/device/service.ts';
import { createEmitter, type Emitter, type HubEvents } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import { createDispatcher } from '../core/rpc/dispatcher.ts';
import { createResolver } from '../core/naming/resolver.ts';
import type { Resolver } from '../core/naming/types.ts';
import { createMethodTable } from '../core/rpc/method-table.ts';
import type { CallHandler, Dispatcher, MethodDeclaration, MethodTable } from '../core/rpc/types.ts';
import type { SchemaRegistry } from '../core/schema/ports.ts';
import { createSchemaRegistry } from '../core/schema/registry.ts';
import { sensorTemplates } from '../core/schema/templates/index.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import { maySeeMetrics } from '../core/security/permissions.ts';
import { createKeyRing } from '../core/security/key-ring.ts';
import { createLockdown } from '../core/security/lockdown.ts';
import { sealSensitive } from '../core/security/sealed-records.ts';
import type { SecretBox } from '../core/security/ports.ts';
import { createStreams } from '../core/stream/streams.ts';
import type { Streams } from '../core/stream/types.ts';
import { createReadingCheck, type ReadingCheck } from '../core/telemetry/check.ts';
import { createDeliveries, type Deliveries, type Unsettled } from '../core/telemetry/deliveries.ts';
import { createLedger, type Ledger } from '../core/telemetry/ledger.ts';
import type { StoreHealth } from '../core/telemetry/ports.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { deviceIdOf } from '../core/topic/topics.ts';
import { serveDeviceMethods } from './device-methods.ts';
import { createGate, type Gate } from './gate.ts';
import { createHubAccess, type HubAccess } from './hub-access.ts';
import { createHubAlerts, type HubAlerts } from './hub-alerts.ts';
import { createHubApprovals, type HubApprovals } from './hub-approvals.ts';
import { createHubAnswers, type HubAnswers } from './hub-answers.ts';
import { createHubAttestation } from './hub-attestation.ts';
import { openHubAudit, type HubAudit } from './hub-audit.ts';
import { createHubAuthentication, createStands } from './hub-authentication.ts';
import { createHubAuthorization } from './hub-authorization.ts';
import { createHubCalls } from './hub-calls.ts';
import { createHubBackup, type HubBackup } from './hub-backup.ts';
import { createHubMcp, type HubMcp } from './hub-mcp.ts';
import { createHubCommands } from './hub-commands.ts';
import { createHubDescription, type HubDescription } from './hub-description.ts';
import { createHubMetrics } from './hub-metrics.ts';
import { createHubBehaviour } from './hub-behaviour.ts';
import { createHubOAuth, type HubOAuth } from './hub-oauth.ts';
import { createHubInfo, type HubInfo } from './hub-info.ts';
import { createHubLimits, type HubLimits } from './hub-limits.ts';
import { ensureHubKeys, type NewHubKeys } from './hub-keys.ts';
import { openHubSecrets } from './hub-secrets.ts';
import { createHubSigning, type HubSigning } from './hub-signing.ts';
import { createHubStreams, type HubStreams } from './hub-streams.ts';
import { openHubTls, type HubTls } from './hub-tls.ts';
import { createHubTelemetry, type HubTelemetry } from './hub-telemetry.ts';
import { createInbound, type Inbound } from './inbound.ts';
import { openBroker, openStore } from './open-ports.ts';
import { removeDevice } from './remove-device.ts';
import { keepRetention } from './retention.ts';
import type { HubSettings } from './settings.ts';
import { systemClock, systemIds } from './system.ts';

/** A running hub: what the config node owns, and all other nodes reach through it. */
export interface Hub extends HubAccess, HubAlerts, HubBackup, HubInfo, HubStreams, HubTelemetry {
  clock: Clock;
  events: Emitter<HubEvents>;
  devices: DeviceRegistry;
  presence: DeviceService;
  schemas: SchemaRegistry;
  /** What is meant by a phrase in plain language. */
  naming: Resolver;
  commands: CommandExecutor;
  alerts: Alerts;
  /** Somebody's word on commands. */
  approvals: HubApprovals;
  /** `telemetry.read`, `.history` and `.wait`. */
  answers: HubAnswers;
  methods: MethodTable;
  dispatcher: Dispatcher;
  audit: AuditTrail;
  queryAudit: HubAudit['queryAudit'];
  /** Seals what must not be read from disk. */
  secrets: SecretBox;
  signing: Pick<HubSigning, 'issueSigningSecret' | 'sign' | 'verify'>;
  /** Shut while nodes are exchanged. */
  gate: Gate;
  streams: Streams;
  mqtt: MqttLink;
  tls: HubTls;
  inbound: Inbound;
  deliveries: Deliveries;
  ledger: Ledger;
  checkReadings: ReadingCheck;
  /** Serves the methods that devices registered, with the roles and timeout of a declaration. */
  serveDeviceMethods(like: MethodDeclaration, handler: CallHandler): () => void;
  removeDevice(id: unknown): Promise<{ device_id: string; removed: true }>;
  /** Keeps the `operational_status` that came with telemetry of a device or sensor, if there was one. */
  noteOperationalStatus(id: unknown, status: Record<string, unknown> | undefined): void;
  /** Tells a source node which of its readings nobody settled so far, at every change; the answer stops that. */
  onUnsettled(source: string, listener: (unsettled: Unsettled) => void): () => void;
  /** What else is served over HTTP, by path. */
  documents: HubOAuth['documents'];
  rpcEndpoint(req: IncomingMessage, res: ServerResponse): void;
  /** What stands before its endpoints on an HTTP server. */
  frontLimits: HubLimits['front'];
  storeHealth(): Promise<StoreHealth>;
  metricsEndpoint(req: IncomingMessage, res: ServerResponse): void;
  rpcSocket: RpcSocket;
  mcp: HubMcp;
  description: HubDescription;
  /** Takes nothing more in, and resolves when all that came in is settled and answered. */
  drain(): Promise<void>;
  newKeys: NewHubKeys;
  /** Whether its addresses have been shown. */
  announced: boolean;
  close(): Promise<void>;
}

const dayMs = 86_400_000;
const lastWordsMs = 100;
/** How long calls wait for the nodes of a deploy. */
const gatePatienceMs = 5_000;

/**
 * Builds a hub from its ports and starts it.
 * @throws Error that says what is wrong (port taken, damaged file, no access to the data directory)
 */
export async function createHub(settings: HubSettings, log: Log): Promise<Hub> {
  const clock = systemClock;
  const ids = systemIds;
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };

  try {
    await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
    const onRecord = await openHubAudit({
      dataDir: settings.dataDir,
      settings: settings.audit,
      clock,
      log,
    });
    opened.push(() => onRecord.close());
    const { audit, auditLog } = onRecord;
    const storeLog = onRecord.tellingErrors(log);
    const plainRecords = await createSqliteRecordStore({
      file: join(settings.dataDir, 'hub.db'),
      log: storeLog,
    });
    opened.push(() => plainRecords.close());
    const { box: secrets } = await openHubSecrets({
      records: plainRecords,
      dataDir: settings.dataDir,
      settings: settings.secretKey,
      log,
    });
    const records = sealSensitive(plainRecords, secrets);
    const store = await openStore(settings, { clock, ids, log: storeLog });
    opened.push(() => store.close());
    const { retention } = settings.store;
    const stopRetention = keepRetention({ store, retention, clock, log });
    opened.push(() => {
      stopRetention();
      return Promise.resolve();
    });

    const events = createEmitter<HubEvents>();
    const keys = createKeyRing({
      records,
      ids,
      clock,
      deviceKeyMs: settings.deviceKeyDays * dayMs,
    });
    await keys.load();
    opened.push(() => keys.close());
    const lockdown = createLockdown({ records, clock });
    await lockdown.load();
    const stands = createStands(keys, lockdown);
    const newKeys = await ensureHubKeys(keys, ids, settings);
    const schemas = createSchemaRegistry({ records, clock, templates: sensorTemplates });
    await schemas.load();
    const signing = await createHubSigning({
      ...{ records, box: secrets, keys, audit, events, ids, clock, log },
      ownerOf: (id) => devices.ownerOf(id),
    });
    const attest = createHubAttestation({ dataDir: settings.dataDir, clock, log, audit });
    const devices = signing.withSecrets(
      createDeviceRegistry({ records, keys, schemas, clock, ids, events, settings, attest }),
    );
    await devices.load();
    const naming = createResolver({ devices, events });

    const presence = createDeviceService({ registry: devices, clock, events, log });
    const hasDevice = (id: string): boolean => devices.ownerOf(id) === id;
    const oauth = createHubOAuth({ settings, hasDevice, audit, ids, clock, log });
    const limits = createHubLimits({ settings: settings.limits, clock, audit });
    const { addressOf, guard } = limits;
    const tls = await openHubTls({ settings: settings.tls, hasDevice, audit, clock, log });
    opened.push(() => {
      tls.close();
      return Promise.resolve();
    });
    const { certificateOf } = tls;
    const authenticate = createHubAuthentication({
      ...{ keys, tokens: oauth.way, certificates: tls, lockdown, presence, guard, audit, clock },
    });
    const mqtt = await openBroker(settings.broker, {
      authenticate,
      stands,
      keys,
      devices,
      clock,
      ids,
      limits,
      tls,
      onRefused: (refused) =>
        audit.record({ action: 'refusal', outcome: 'refused', transport: 'mqtt', ...refused }),
      dataDir: settings.dataDir,
      log: storeLog,
    });
    opened.push(() => mqtt.close());
    const streams = createStreams({
      ids,
      ownerOf: (id) => devices.ownerOf(id),
      canSee: devices.canSee,
    });
    const approvals = await createHubApprovals({
      ...{ records, devices, audit, clock, ids, log },
      settings: settings.confirm,
      path: settings.approvePath ?? '/approve/',
    });
    const commands = await createHubCommands({
      approvals: approvals.approvals,
      ...{ devices, mqtt, store, signing, stands, records, audit, events, clock, ids, log },
      streams,
      startSpan: startOpenTelemetrySpan,
      naming,
      recorder: onRecord.commandsOnRecord,
      settings: { defaultTimeoutMs: settings.commandTimeoutMs, mayStart: limits.mayCommand },
    });
    const alerts = createAlerts({ records, clock, ids });
    await alerts.load();

    const ledger = createLedger();
    const unsettledListeners = new Map<string, (unsettled: Unsettled) => void>();
    const deliveries = createDeliveries({
      clock,
      ids,
      ledger,
      deadlineMs: settings.settleTimeoutMs,
      onUnsettled: (source, unsettled) => unsettledListeners.get(source)?.(unsettled),
    });
    const methods = createMethodTable();
    const calls = createHubCalls({ methods, clock, startSpan: startOpenTelemetrySpan });
    const behaviour = await createHubBehaviour({
      ...{ devices, mqtt, audit, records, events, clock, log },
    });
    opened.push(() => behaviour.close());
    const { gate, dispatcher } = createGate(
      behaviour.watched(
        createDispatcher({
          methods,
          clock,
          ids,
          authorize: createHubAuthorization({ devices, lockdown, stands, clock }),
          mayTake: limits.mayTake,
          onRefused: (...refused) => onRecord.onRefused(...refused),
          watch: calls.watch,
          log,
        }),
      ),
      clock,
      gatePatienceMs,
    );
    presence.start();

    // Whatever a device says, by whatever way, it is there; its status topic is read by the `heartbeat` node.
    mqtt.onMessage((message) => {
      const { parsed, retained, will, principal } = message;
      if (!retained && !will && parsed?.branch !== 'status') {
        const id = deviceIdOf(parsed) ?? principal?.device_id;
        if (id !== undefined) presence.seen(id);
      }
    });
    const inbound = createInbound({
      link: mqtt,
      clock,
      ledger,
      holdMs: settings.settleTimeoutMs,
    });
    const rpcSocket = createRpcSocket({
      dispatcher,
      streams,
      authenticate,
      metadataUrl: oauth.metadataUrl(settings.wsPath),
      clock,
      addressOf,
      certificateOf,
      ids,
      path: settings.wsPath,
      ...limits.sockets,
    });

    const mcp = createHubMcp({
      approvals,
      ...{ methods, dispatcher, devices, streams, events, authenticate, stands, gate },
      ...{ addressOf, certificateOf, clock, ids, log },
      mayTake: limits.mayTake,
      oauth: settings.oauth,
      metadataUrl: oauth.metadataUrl(settings.mcpPath ?? ''),
    });
    const description = createHubDescription({
      ...{ methods, mqtt, streams, settings, authenticate, stands, gate },
      ...{ addressOf, certificateOf, clock, ids },
      mayTake: limits.mayTake,
      metadataUrl: oauth.metadataUrl(settings.rpcPath),
    });
    const liveClients: Pick<RpcSocket, 'disconnect'> = {
      disconnect(who) {
        rpcSocket.disconnect(who);
        mcp.disconnect(who);
      },
    };

    const answers = createHubAnswers({
      ...{ store, devices, naming, clock },
      storeName: settings.store.kind,
      zone: settings.timeZone,
    });
    opened.push(() => {
      answers.close();
      return Promise.resolve();
    });

    const hubMetrics = createHubMetrics({
      ledger,
      devices,
      commands,
      dispatcher,
      streams,
      store,
      mqtt,
      limits,
      calls: calls.families,
    });
    const processFigures = createProcessFigures();
    opened.push(() => {
      processFigures.close();
      return Promise.resolve();
    });

    return {
      clock,
      events,
      devices,
      presence,
      schemas,
      naming,
      commands,
      alerts,
      approvals,
      answers,
      methods,
      dispatcher,
      audit,
      queryAudit: (params) => onRecord.queryAudit(params),
      secrets,
      signing,
      gate,
      streams,
      mqtt,
      tls,
      inbound,
      deliveries,
      ledger,
      checkReadings: createReadingCheck({ registry: devices, clock, settings }),
      ...createHubBackup({ records, store, auditLog, clock, dataDir: settings.dataDir }),
      ...createHubAlerts({
        ...{ alerts, mqtt, streams, clock, canSee: devices.canSee },
        onChange: (deviceId) => mcp.alertChanged(deviceId),
        resolve: answers.deps.resolve,
      }),
      ...createHubAccess({ keys, lockdown, devices, mqtt, liveClients, audit, clock }),
      ...createHubStreams({ streams, clock, devices }),
      ...createHubTelemetry({
        store,
        devices,
        deliveries,
        clock,
        answers,
        onStored(readings) {
          commands.observe(readings);
          answers.observe(readings);
        },
      }),
      ...createHubInfo({
        clock,
        devices,
        commands,
        alerts,
        store,
        mqtt,
        inbound,
        dispatcher,
        methods,
        streams,
        ledger,
        deliveries,
        limits,
        tls,
        mcp,
      }),
      serveDeviceMethods: (like, handler) =>
        serveDeviceMethods({ methods, devices, events, log }, like, handler),
      removeDevice: (id) => removeDevice({ devices, store, mqtt, liveClients, keys }, id),
      noteOperationalStatus(id, status) {
        const deviceId = typeof id === 'string' ? devices.ownerOf(id) : undefined;
        if (!status || deviceId === undefined) return;
        devices
          .setOperationalStatus(deviceId, status)
          .catch((error: unknown) =>
            log.error(`operational status of ${deviceId}: ${String(error)}`),
          );
      },
      onUnsettled(source, listener) {
        unsettledListeners.set(source, listener);
        return () => {
          unsettledListeners.delete(source);
        };
      },
      rpcEndpoint: createRpcEndpoint({
        dispatcher,
        authenticate,
        addressOf,
        certificateOf,
        metadataUrl: oauth.metadataUrl(settings.rpcPath),
      }),
      documents: new Map([...oauth.documents, ...approvals.pageBehind(limits.front.guardRoute)]),
      frontLimits: limits.front,
      storeHealth: () => store.health(),
      metricsEndpoint: createMetricsEndpoint({
        families: async () => [...(await hubMetrics()), ...processFigures.families()],
        authenticate,
        metadataUrl: oauth.metadataUrl(settings.metricsPath),
        maySee: (principal) => maySeeMetrics(principal) && stands(principal),
        addressOf,
        certificateOf,
      }),
      rpcSocket,
      description,
      mcp,
      async drain() {
        gate.shut();
        mqtt.pause();
        await deliveries.idle();
        // The last answers and acknowledgements are being written.
        await new Promise<void>((resolve) => clock.after(lastWordsMs, resolve));
      },
      newKeys,
      announced: false,
      async close() {
        presence.close();
        description.close();
        inbound.close();
        deliveries.close();
        commands.close();
        dispatcher.close();
        await rpcSocket.close();
        await mcp.close();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
