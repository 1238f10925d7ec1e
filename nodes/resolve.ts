import type { Node, NodeAPI } from 'node-red';
import { resolveName } from './core/naming/name-resolve.ts';
import { isObject } from './core/document.ts';
import type { HubMessage } from './runtime/message.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

/** Finds out which devices a phrase means: `name.resolve`. Output 2 is for phrases that are not clear. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-resolve', function (this: Node, def: HubNodeDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, 2, ({ hub, message, send }) => {
      const { payload } = message;
      const params = isObject(payload) ? payload : { phrase: payload };
      const resolution = resolveName(hub.naming, params, message.rpc?.principal);
      kit.showReady();
      const { status, targets } = resolution;
      if (status !== 'resolved') {
        send([null, { ...message, payload: resolution }]);
        return;
      }
      const named = targets.flatMap((target) => target.device_ids ?? target.device_id ?? []);
      const device_ids = [...new Set(named)];
      const [device_id] = device_ids;
      const found: HubMessage & { device_ids: string[] } = {
        ...message,
        payload: resolution,
        ...(device_ids.length === 1 && device_id !== undefined && { device: { device_id } }),
        device_ids,
      };
      send([found]);
    });
  });
}
