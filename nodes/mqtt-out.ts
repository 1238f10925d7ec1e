import type { Node, NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import { isCommandTopic } from './core/security/topic-acl.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

interface MqttOutDef extends HubNodeDef {
  /** Blank: `msg.topic`. */
  topic: string;
  qos: string | number;
  retain: boolean;
}

/** Publishes the payload on a topic of the hub's broker. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-mqtt-out', function (this: Node, def: MqttOutDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    onInput(this, kit, undefined, async ({ hub, message }) => {
      const topic = def.topic || message.topic;
      if (!topic || /[+#\0]/.test(topic))
        throw new RpcError(
          ErrorCode.InvalidParams,
          'a message is published on one topic, without wildcards',
          { field: 'topic' },
        );
      if (isCommandTopic(topic))
        throw new RpcError(
          ErrorCode.Unauthorized,
          'commands go to devices through an execute node, which keeps to the policies',
          { topic },
        );
      await hub.mqtt.publish(topic, payloadOf(message.payload), {
        qos: Number(def.qos) as 0 | 1 | 2,
        retain: def.retain,
      });
      kit.showReady();
    });
  });
}

const payloadOf = (payload: unknown): string | Uint8Array =>
  typeof payload === 'string' || payload instanceof Uint8Array
    ? payload
    : JSON.stringify(payload ?? null);
