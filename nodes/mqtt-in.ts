import type { Node, NodeAPI } from 'node-red';
import type { InboundBranch } from './runtime/inbound.ts';
import { attachBranch } from './runtime/mqtt-source.ts';
import { translate, useHub, type HubNodeDef } from './runtime/node-kit.ts';

interface MqttInDef extends HubNodeDef {
  branch: InboundBranch;
  batch: string | number;
  window: string | number;
}

/** A source: what devices publish in one branch of the topic tree (specification section 5.2). */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-mqtt-in', function (this: Node, def: MqttInDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    kit.whenReady((hub) => {
      const stopWatching = hub.onUnsettled(this.id, ({ readings, last_node: last = '' }) => {
        const count = String(readings);
        kit.showFailed(translate(RED, 'not_settled', { count }));
        this.warn(translate(RED, 'not_settled_by', { count, last }));
      });
      const detach = attachBranch(hub, {
        branch: def.branch,
        source: this.id,
        batch: { readings: Number(def.batch) || 500, windowMs: Number(def.window) || 5 },
        send: (message) => this.send(message),
        refuse: (message) => {
          kit.showRefused(message.error?.message ?? '');
          this.send([null, message]);
        },
      });
      return () => {
        stopWatching();
        detach();
      };
    });
  });
}
