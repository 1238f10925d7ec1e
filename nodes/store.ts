import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { StoreSettings } from './runtime/settings.ts';

interface StoreDef extends NodeDef {
  kind: 'sqlite';
  file: string;
}

/** Says where telemetry is kept; the hub opens it. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType(
    'llm-iot-store',
    function (this: Node & { settings?: StoreSettings }, def: StoreDef) {
      RED.nodes.createNode(this, def);
      this.settings = { kind: def.kind, file: def.file, retention: { by_type: {} } };
    },
  );
}
