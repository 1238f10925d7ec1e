import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { BrokerSettings } from './runtime/settings.ts';
import type { TlsFields } from './runtime/tls-settings.ts';

interface BrokerDef extends NodeDef, TlsFields {
  kind: 'embedded' | 'external';
  host: string;
  port: string | number;
  url: string;
  clientId: string;
  tls: string;
}

interface BrokerCredentials {
  username?: string;
  password?: string;
}

/** Says which MQTT broker the hub uses; the hub starts or connects to it. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType<
    Node & { settings?: BrokerSettings },
    BrokerDef,
    object,
    BrokerCredentials
  >(
    'llm-iot-broker',
    function (this: Node<BrokerCredentials> & { settings?: BrokerSettings }, def: BrokerDef) {
      RED.nodes.createNode(this, def);
      const tls = RED.nodes.getNode(def.tls) as TlsNode | null;
      this.settings =
        def.kind === 'external'
          ? {
              kind: 'external',
              url: def.url,
              clientId: def.clientId,
              ...credentialsOf(this.credentials),
              ...(tls ? { tls: tls.addTLSOptions({}) } : {}),
            }
          : {
              kind: 'embedded',
              host: def.host || process.env['LLM_IOT_HOST'] || '127.0.0.1',
              port: Number(def.port || process.env['LLM_IOT_MQTT_PORT'] || 1883),
              tls: tlsFieldsOf(def),
            };
    },
    { credentials: { username: { type: 'text' }, password: { type: 'password' } } },
  );
}

/** Node-RED's own `tls-config` node. */
interface TlsNode extends Node {
  addTLSOptions(options: object): object;
}

const credentialsOf = ({ username, password }: BrokerCredentials): BrokerCredentials => ({
  ...(username ? { username } : {}),
  ...(password ? { password } : {}),
});

const tlsFieldsOf = (def: TlsFields): TlsFields =>
  Object.fromEntries(Object.entries(def).filter(([field]) => /^tls[A-Z]/.test(field)));
