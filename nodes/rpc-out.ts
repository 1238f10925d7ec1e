import type { Node, NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import type { Outcome } from './core/rpc/types.ts';
import type { HubMessage } from './runtime/message.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

/** Ends the call a message belongs to: with `msg.error` if there is one, else with the payload as its result. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-rpc-out', function (this: Node, def: HubNodeDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, undefined, ({ hub, message }) => {
      if (!message.rpc && message.error) {
        // It comes from a Catch node, which would catch what is thrown here, and so on.
        this.error(message.error.message);
        return;
      }
      if (!message.rpc)
        throw new RpcError(
          ErrorCode.InvalidRequest,
          'the message belongs to no call: msg.rpc is missing',
        );
      if (hub.dispatcher.settle(message.rpc.id, outcomeOf(message))) kit.showReady();
    });
  });
}

/** A Catch node's `msg.error` has no code of the protocol: the caller gets -32603 and the node's words. */
function outcomeOf({ error, payload }: HubMessage): Outcome {
  if (!error) return { result: payload ?? null };
  const { code, message, data } = error;
  if (typeof code === 'number') return { error: { code, message, data } };
  return { error: new RpcError(ErrorCode.InternalError, `a node of the flow failed: ${message}`) };
}
