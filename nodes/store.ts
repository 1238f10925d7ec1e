import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { HubNode } from './runtime/node-kit.ts';
import { tryRemote } from './runtime/open-ports.ts';
import type { StoreSettings } from './runtime/settings.ts';
import { storeSettingsOf, type StoreForm, type StoreSecrets } from './runtime/store-settings.ts';

type StoreDef = NodeDef & StoreForm;
type StoreNode = Node<StoreSecrets> & { settings?: StoreSettings };

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Says where telemetry is kept; the hub opens it. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType<StoreNode, StoreDef, object, StoreSecrets>(
    'llm-iot-store',
    function (this: StoreNode, def: StoreDef) {
      RED.nodes.createNode(this, def);
      try {
        this.settings = storeSettingsOf(def, this.credentials);
      } catch (error) {
        this.error(messageOf(error));
      }
    },
    { credentials: { password: { type: 'password' }, token: { type: 'password' } } },
  );

  RED.httpAdmin.get(
    '/llm-iot/store/status/:id',
    RED.auth.needsPermission('llm-iot-store.read'),
    (req, res) => {
      statusOf(RED, String(req.params['id'])).then(
        (status) => res.json(status),
        (error: unknown) => res.json({ ok: false, detail: messageOf(error) }),
      );
    },
  );
  RED.httpAdmin.post(
    '/llm-iot/store/test',
    RED.auth.needsPermission('llm-iot-store.write'),
    (req, res) => {
      const { id, form, secrets } = req.body as {
        id?: string;
        form: StoreForm;
        secrets: StoreSecrets;
      };
      const deployed = id === undefined ? undefined : (RED.nodes.getNode(id) as StoreNode | null);
      testStore(form, { ...deployed?.credentials, ...secrets }).then(
        (detail) => res.json({ ok: true, detail }),
        (error: unknown) => res.json({ ok: false, detail: messageOf(error) }),
      );
    },
  );
}

/** How the store of a hub that runs with this store node is. */
async function statusOf(RED: NodeAPI, id: string): Promise<{ ok: boolean; detail: string }> {
  const hubs: string[] = [];
  RED.nodes.eachNode((def) => {
    if (def.type === 'llm-iot-hub' && (def as { store?: string }).store === id) hubs.push(def.id);
  });
  const [hubNode] = hubs.flatMap((hub) => (RED.nodes.getNode(hub) as HubNode | null) ?? []);
  if (!hubNode) return { ok: true, detail: '' };
  const { ok, detail } = await hubNode.ready.then((hub) => hub.storeHealth());
  return { ok, detail };
}

/** Tries the database of a form; what it says is for people. */
async function testStore(form: StoreForm, secrets: StoreSecrets): Promise<string> {
  const settings = storeSettingsOf(form, secrets);
  if (settings.kind === 'sqlite') return 'SQLite needs no connection';
  return tryRemote(settings);
}
