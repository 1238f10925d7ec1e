import type { Node, NodeAPI, NodeDef } from 'node-red';
import { tryRemote } from './runtime/open-ports.ts';
import type { StoreSettings } from './runtime/settings.ts';
import { storeSettingsOf, type StoreForm, type StoreSecrets } from './runtime/store-settings.ts';

type StoreDef = NodeDef & StoreForm;
type StoreNode = Node<StoreSecrets> & { settings?: StoreSettings };

/** Says where telemetry is kept; the hub opens it. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType<StoreNode, StoreDef, object, StoreSecrets>(
    'llm-iot-store',
    function (this: StoreNode, def: StoreDef) {
      RED.nodes.createNode(this, def);
      try {
        this.settings = storeSettingsOf(def, this.credentials);
      } catch (error) {
        this.error(error instanceof Error ? error.message : String(error));
      }
    },
    { credentials: { password: { type: 'password' }, token: { type: 'password' } } },
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
        (error: unknown) =>
          res.json({ ok: false, detail: error instanceof Error ? error.message : String(error) }),
      );
    },
  );
}

/** Tries the database of a form; what it says is for people. */
async function testStore(form: StoreForm, secrets: StoreSecrets): Promise<string> {
  const settings = storeSettingsOf(form, secrets);
  if (settings.kind === 'sqlite') return 'SQLite needs no connection';
  return tryRemote(settings);
}
