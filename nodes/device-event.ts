import type { Node, NodeAPI } from 'node-red';
import type { HubEvents } from './core/events.ts';
import { useHub, type HubNodeDef } from './runtime/node-kit.ts';

type EventName = keyof HubEvents;

interface DeviceEventDef extends HubNodeDef {
  events: EventName[];
}

/** A source: says when devices register, come, go, change, behave unlike themselves and are removed. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-device-event', function (this: Node, def: DeviceEventDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    kit.whenReady((hub) => {
      const stops = def.events.map((event) =>
        hub.events.on(event, (what) => {
          const { device_id } = what.device;
          const message = {
            topic: event,
            device: what.device,
            payload: { event, device_id, ...what },
          };
          this.send(RED.util.cloneMessage(message));
        }),
      );
      return () => stops.forEach((stop) => stop());
    });
  });
}
