import type { Node, NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

/** Takes a device's answer and ends the command it belongs to; what belongs to none goes out. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-command-result', function (this: Node, def: HubNodeDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, undefined, ({ hub, message, send }) => {
      const targetId = message.device?.device_id;
      if (!targetId)
        throw new RpcError(
          ErrorCode.InvalidRequest,
          'msg.device.device_id must say whose answer this is',
        );
      const fate = hub.commands.answer(targetId, message.payload, message.traceparent);
      if (fate === 'matched') kit.showReady();
      else send({ ...message, payload: { device_id: targetId, fate, answer: message.payload } });
    });
  });
}
