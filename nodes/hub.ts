import { isAbsolute, join } from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { Hub } from './runtime/hub.ts';
import { createHub } from './runtime/hub.ts';
import { announceHub } from './runtime/banner.ts';
import { mountHub } from './runtime/mount.ts';
import type { HubNode, HubState } from './runtime/node-kit.ts';
import { translate } from './runtime/node-kit.ts';
import { createParking } from './runtime/parking.ts';
import { refuseOpenEditor } from './runtime/open-editor.ts';
import type { BrokerSettings, HubSettings, StoreSettings } from './runtime/settings.ts';

interface HubDef extends NodeDef {
  broker: string;
  store: string;
  dataDir: string;
  rpcPath: string;
  wsPath: string;
  heartbeatInterval: string | number;
  telemetryInterval: string | number;
  commandTimeout: string | number;
  settleTimeout: string | number;
  unknownTypes: 'learn' | 'refuse';
  maxDevices: string | number;
}

interface HubCredentials {
  adminKey?: string;
  registrationKey?: string;
}

/** How long a hub waits for its successor when its node closes for a deploy. */
const graceMs = 2_000;

const parking = createParking<Hub>(graceMs, (hub) => hub.close());

/** Set by the first signal that ends the process: then nothing waits for a successor. */
let stopping = false;
const noteStopping = (): void => {
  stopping = true;
};

/** The hub itself: everything shared is made here, and lives here. */
export default function (RED: NodeAPI): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeListener(signal, noteStopping);
    process.prependListener(signal, noteStopping);
  }

  RED.nodes.registerType<HubNode, HubDef, object, HubCredentials>(
    'llm-iot-hub',
    function (this: HubNode, def: HubDef) {
      RED.nodes.createNode(this, def);
      const listeners = new Set<(state: HubState) => void>();
      let state: HubState = { phase: 'starting' };
      const setState = (next: HubState): void => {
        state = next;
        for (const listener of listeners) listener(next);
      };
      this.onState = (listener) => {
        listeners.add(listener);
        listener(state);
        return () => listeners.delete(listener);
      };

      let fingerprint = '';
      let unmount: (() => void) | undefined;
      const start = async (): Promise<Hub> => {
        refuseOpenEditor(RED.settings);
        const settings = settingsOf(RED, def, this.credentials);
        fingerprint = JSON.stringify(settings);
        const hub =
          (await parking.reclaim(this.id, fingerprint)) ?? (await createHub(settings, logOf(this)));
        try {
          unmount = mountHub(hub, settings.rpcPath, RED.server);
        } catch (error) {
          await hub.close();
          throw error;
        }
        announceHub(RED, hub, settings);
        return hub;
      };

      this.ready = start();
      this.ready.then(
        () => setState({ phase: 'ready' }),
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          this.error(translate(RED, 'failed', { reason }));
          setState({ phase: 'failed', reason });
        },
      );

      this.on('close', (removed: boolean, done: () => void) => {
        unmount?.();
        listeners.clear();
        this.ready
          .then(async (hub) => {
            if (removed || stopping) await hub.close();
            else parking.park(this.id, fingerprint, hub);
          })
          .catch(() => undefined) // it never started; said so then
          .finally(done);
      });
    },
    { credentials: { adminKey: { type: 'password' }, registrationKey: { type: 'password' } } },
  );
}

function settingsOf(RED: NodeAPI, def: HubDef, credentials: HubCredentials): HubSettings {
  const broker = settingsFrom<BrokerSettings>(RED, def.broker, 'broker');
  const store = settingsFrom<StoreSettings>(RED, def.store, 'store');
  const userDir = RED.settings.userDir ?? process.cwd();
  const wanted = def.dataDir || process.env['LLM_IOT_DATA_DIR'];
  return {
    dataDir: !wanted
      ? join(userDir, 'llm-iot')
      : isAbsolute(wanted)
        ? wanted
        : join(process.cwd(), wanted),
    rpcPath: httpRootOf(RED) + (def.rpcPath || '/rpc'),
    wsPath: httpRootOf(RED) + (def.wsPath || '/ws'),
    heartbeatInterval: Number(def.heartbeatInterval) || 60,
    telemetryInterval: Number(def.telemetryInterval) || 10,
    commandTimeoutMs: (Number(def.commandTimeout) || 10) * 1000,
    settleTimeoutMs: (Number(def.settleTimeout) || 10) * 1000,
    unknownTypes: def.unknownTypes,
    maxDevices: Number(def.maxDevices) || 100_000,
    adminKey: process.env['LLM_IOT_ADMIN_KEY'] || credentials.adminKey || undefined,
    registrationKey:
      process.env['LLM_IOT_REGISTRATION_KEY'] || credentials.registrationKey || undefined,
    broker,
    store,
  };
}

/** Where Node-RED serves what nodes serve, without a slash at the end. */
const httpRootOf = (RED: NodeAPI): string => (RED.settings.httpNodeRoot || '').replace(/\/$/, '');

function settingsFrom<S>(RED: NodeAPI, id: string, what: string): S {
  const settings = (RED.nodes.getNode(id) as (Node & { settings?: S }) | null)?.settings;
  if (!settings) throw new Error(`the hub has no ${what}: choose one in its settings`);
  return settings;
}

const logOf = (
  node: Node,
): { info(t: string): void; warn(t: string): void; error(t: string): void } => ({
  info: (text) => node.log(text),
  warn: (text) => node.warn(text),
  error: (text) => node.error(text),
});
