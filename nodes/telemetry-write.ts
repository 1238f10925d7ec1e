import type { Node, NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import type { Reading } from './core/telemetry/types.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

/** Stores readings; only then their sender is told so. Output 1: what is stored, output 2: the answer of a call. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-telemetry-write', function (this: Node, def: HubNodeDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, 1, async ({ hub, message, send }) => {
      if (!Array.isArray(message.payload))
        throw new RpcError(ErrorCode.InvalidParams, 'msg.payload must be an array of readings');
      const { stored, receipt } = await hub.storeReadings(
        message.payload as Reading[],
        message.delivery,
      );
      kit.showReady();
      send([
        stored.length > 0 ? { ...message, payload: stored } : null,
        message.rpc ? { ...message, payload: receipt } : null,
      ]);
    });
  });
}
