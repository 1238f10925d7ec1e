import type { Node, NodeAPI } from 'node-red';
import type { ChannelKind } from './core/stream/types.ts';
import type { Reading } from './core/telemetry/types.ts';
import { paramsOf } from './runtime/message.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

interface StreamOutDef extends HubNodeDef {
  channel: ChannelKind;
}

/** Sends live updates to the WebSockets that subscribed to `device.{id}.{channel}` (specification section 5.1). */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-stream-out', function (this: Node, def: StreamOutDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, undefined, ({ hub, message }) => {
      if (def.channel === 'telemetry' && Array.isArray(message.payload))
        hub.streamReadings(message.payload as Reading[]);
      else hub.streamUpdate(def.channel, message.device, paramsOf(message));
      kit.showReady();
    });
  });
}
