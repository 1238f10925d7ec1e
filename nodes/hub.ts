import { isAbsolute, join } from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { Log } from './core/log.ts';
import { announceHub, baseUrl } from './runtime/banner.ts';
import { watchDeploys } from './runtime/deploy-watch.ts';
import { createHub, type Hub } from './runtime/hub.ts';
import { auditSettingsFrom, type AuditFields } from './runtime/audit-settings.ts';
import { keySettingsFrom } from './runtime/hub-secrets.ts';
import { confirmSettingsFrom, type ConfirmFields } from './runtime/confirm-settings.ts';
import { limitSettingsFrom, type LimitFields } from './runtime/limit-settings.ts';
import { mountHub, servesHubFiles } from './runtime/mount.ts';
import { translate, type HubNode, type HubState } from './runtime/node-kit.ts';
import { refuseOpenEditor } from './runtime/open-editor.ts';
import { oauthSettingsFrom, type OAuthFields } from './runtime/oauth-settings.ts';
import { createParking } from './runtime/parking.ts';
import type { BrokerSettings, HubSettings, StoreSettings } from './runtime/settings.ts';
import { createStopSignals } from './runtime/stop-signals.ts';
import { tlsSettingsFrom } from './runtime/tls-settings.ts';

interface HubDef extends NodeDef, OAuthFields, LimitFields, AuditFields, ConfirmFields {
  broker: string;
  store: string;
  dataDir: string;
  rpcPath: string;
  wsPath: string;
  /** Flows from before there were metrics have none. */
  metricsPath?: string;
  /** Those from before there was MCP have none; a dash is for off. */
  mcpPath?: string;
  heartbeatInterval: string | number;
  telemetryInterval: string | number;
  commandTimeout: string | number;
  settleTimeout: string | number;
  unknownTypes: 'learn' | 'refuse';
  maxDevices: string | number;
  /** Flows from before keys could expire have none. */
  deviceKeyDays?: string | number;
}

interface HubCredentials {
  adminKey?: string;
  registrationKey?: string;
}

/** A hub with its place on Node-RED's HTTP server. */
interface Running {
  hub: Hub;
  unmount: () => void;
}

/** How long a hub waits for its successor when its node closes for a deploy. */
const graceMs = 2_000;

const stop = async ({ hub, unmount }: Running): Promise<void> => {
  unmount();
  await hub.close();
};
const parking = createParking<Running>(graceMs, stop);

/** How long the process lives on after a signal, to bring to an end what devices and callers wait for. */
const drainMs = 5_000;
const stopSignals = createStopSignals(process, drainMs);

/** The hub itself: everything shared is made here, and lives here. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType<HubNode, HubDef, object, HubCredentials>(
    'llm-iot-hub',
    function (this: HubNode, def: HubDef) {
      RED.nodes.createNode(this, def);
      const states = createStates();
      this.onState = states.listen;

      let fingerprint = '';
      const start = async (): Promise<Running> => {
        refuseOpenEditor(RED.settings);
        const settings = settingsOf(RED, def, this.credentials);
        fingerprint = JSON.stringify(settings);
        const parked = await parking.reclaim(this.id, fingerprint);
        if (parked) return parked;
        const hub = await createHub(settings, logOf(this));
        try {
          const unmount = mountHub(hub, settings, RED.server, servesHubFiles(RED.settings));
          announceHub(RED, hub, settings);
          return { hub, unmount };
        } catch (error) {
          await hub.close();
          throw error;
        }
      };
      const running = start();
      this.ready = running.then(({ hub }) => hub);
      this.ready.then(
        () => states.set({ phase: 'ready' }),
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          this.error(translate(RED, 'failed', { reason }));
          states.set({ phase: 'failed', reason });
        },
      );

      const stopWatching = watchDeploys(RED, this.id, this.ready);
      stopSignals.takeOver();
      const stopFinishing = stopSignals.beforeStop(() => this.ready.then((hub) => hub.drain()));
      this.on('close', (removed: boolean, done: () => void) => {
        stopWatching();
        stopFinishing();
        states.clear();
        running
          .then(async (resource) => {
            if (removed || stopSignals.stopping()) await stop(resource);
            else parking.park(this.id, fingerprint, resource);
          })
          .catch(() => undefined) // it never started, and said so then
          .finally(done);
      });
    },
    { credentials: { adminKey: { type: 'password' }, registrationKey: { type: 'password' } } },
  );
}

function createStates(): {
  listen: HubNode['onState'];
  set(next: HubState): void;
  clear(): void;
} {
  const listeners = new Set<(state: HubState) => void>();
  let state: HubState = { phase: 'starting' };
  return {
    listen(listener) {
      listeners.add(listener);
      listener(state);
      return () => listeners.delete(listener);
    },
    set(next) {
      state = next;
      for (const listener of listeners) listener(next);
    },
    clear: () => listeners.clear(),
  };
}

function settingsOf(RED: NodeAPI, def: HubDef, credentials: HubCredentials): HubSettings {
  const broker = settingsFrom<BrokerSettings>(RED, def.broker, 'broker');
  const store = settingsFrom<StoreSettings>(RED, def.store, 'store');
  const userDir = RED.settings.userDir ?? process.cwd();
  const dataDir = def.dataDir || process.env['LLM_IOT_DATA_DIR'] || join(userDir, 'llm-iot');
  const root = (RED.settings.httpNodeRoot || '').replace(/\/$/, '');
  const paths = {
    rpcPath: root + (def.rpcPath || '/rpc'),
    wsPath: root + (def.wsPath || '/ws'),
    metricsPath: root + (def.metricsPath || '/metrics'),
    mcpPath: mcpPathOf(def.mcpPath, process.env['LLM_IOT_MCP_PATH'], root),
    documentsPath: documentsPathOf(process.env['LLM_IOT_DOCUMENTS_PATH'], root),
  };
  const folder = isAbsolute(dataDir) ? dataDir : join(process.cwd(), dataDir);
  return {
    dataDir: folder,
    baseUrl: baseUrl(RED.settings),
    ...paths,
    approvePath: `${root}/approve/`,
    timeZone: process.env['LLM_IOT_TIME_ZONE'] || undefined,
    heartbeatInterval: Number(def.heartbeatInterval) || 60,
    telemetryInterval: Number(def.telemetryInterval) || 10,
    commandTimeoutMs: (Number(def.commandTimeout) || 10) * 1000,
    settleTimeoutMs: (Number(def.settleTimeout) || 10) * 1000,
    unknownTypes: def.unknownTypes,
    maxDevices: Number(def.maxDevices) || 100_000,
    deviceKeyDays: Number(def.deviceKeyDays) || 0,
    adminKey: process.env['LLM_IOT_ADMIN_KEY'] || credentials.adminKey || undefined,
    registrationKey:
      process.env['LLM_IOT_REGISTRATION_KEY'] || credentials.registrationKey || undefined,
    secretKey: keySettingsFrom(process.env),
    oauth: oauthSettingsFrom(def, process.env, { baseUrl: baseUrl(RED.settings), ...paths }),
    limits: limitSettingsFrom(def, process.env),
    tls: tlsOf(broker, folder),
    audit: auditSettingsFrom(def, process.env),
    confirm: confirmSettingsFrom(def, process.env),
    broker,
    store,
  };
}

/** The form comes first; a variable that is set and empty, or a dash in the form, switches MCP off. */
function mcpPathOf(field: string | undefined, variable: string | undefined, root: string): string {
  const path = field?.trim() || (variable ?? '/mcp').trim();
  return path === '' || path === '-' ? '' : root + path;
}

/** The root unless told, where a flow serves the same paths itself; a dash switches the documents off. */
function documentsPathOf(variable: string | undefined, root: string): string | undefined {
  const path = (variable ?? '').trim().replace(/\/$/, '');
  return path === '-' ? undefined : root + path;
}

/** TLS is a matter of the embedded broker's form; with an external one, of the environment. */
const tlsOf = (broker: BrokerSettings, dataDir: string): HubSettings['tls'] =>
  tlsSettingsFrom(broker.kind === 'embedded' ? (broker.tls ?? {}) : {}, process.env, dataDir);

function settingsFrom<S>(RED: NodeAPI, id: string, what: string): S {
  const settings = (RED.nodes.getNode(id) as (Node & { settings?: S }) | null)?.settings;
  if (!settings) throw new Error(`the hub has no ${what}: choose one in its settings`);
  return settings;
}

const logOf = (node: Node): Log => ({
  info: (text) => node.log(text),
  warn: (text) => node.warn(text),
  error: (text) => node.error(text),
});
