import type { Node, NodeAPI } from 'node-red';
import { RpcError } from './core/rpc/errors.ts';
import { paramsOf } from './runtime/message.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';
import { contextBounds, contextOf, type ContextBounds } from './runtime/state-context.ts';

interface LlmContextDef extends HubNodeDef {
  /** JSON object; empty: all devices. */
  labels: string;
  /** Empty: 4,096. */
  maxBytes: string;
}

/** The state of the devices as a short text for the prompt of a language model. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-llm-context', function (this: Node, def: LlmContextDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    let bounds: ContextBounds | RpcError;
    try {
      bounds = contextBounds(def);
    } catch (error) {
      bounds = error as RpcError;
      kit.misconfigured(error);
    }
    onInput(this, kit, 1, ({ hub, message, send }) => {
      if (bounds instanceof RpcError) throw bounds;
      const payload = contextOf(hub, paramsOf(message), bounds, message.rpc?.principal);
      kit.showReady();
      send({ ...message, payload });
    });
  });
}
