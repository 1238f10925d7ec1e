import type { Node, NodeAPI } from 'node-red';
import type { Hub } from './hub.ts';
import type { HubMessage } from './message.ts';

interface ReceiveEvent {
  msg: object;
  destination: { node: Node };
}

/**
 * Follows Node-RED's deploys for a hub. From the moment flows are stopped until they run again calls wait, as do commands
 * that wait for their device, telemetry waits unacknowledged, and what was on the wires is taken back, because Node-RED drops it. And it notes which
 * node last got the message of a delivery, for the warning when nobody settles it. The answer ends that.
 */
export function watchDeploys(RED: NodeAPI, nodeId: string, ready: Promise<Hub>): () => void {
  let hub: Hub | undefined;
  let areRunning = false;
  ready.then(
    (found) => {
      hub = found;
      // The nodes of policies hear of the hub in the same turn.
      if (areRunning) setImmediate(() => areRunning && found.commands.release());
    },
    () => undefined, // shown as the node's status
  );
  const stopping = (): void => {
    areRunning = false;
    hub?.commands.hold();
    hub?.gate.shut();
    hub?.inbound.pause();
  };
  const started = (): void => {
    areRunning = true;
    hub?.gate.open();
    hub?.inbound.resume();
    hub?.commands.release();
  };
  const hook = `onReceive.llm-iot-${nodeId}`;
  RED.events.on('flows:stopping', stopping);
  RED.events.on('flows:started', started);
  // The types know hooks without a label only.
  RED.hooks.add(hook as 'onReceive', ({ msg, destination: { node } }: ReceiveEvent) => {
    const { delivery } = msg as HubMessage;
    if (delivery !== undefined)
      hub?.deliveries.passed(delivery, `${node.type} (${node.name || node.id})`);
  });
  return () => {
    RED.events.off('flows:stopping', stopping);
    RED.events.off('flows:started', started);
    RED.hooks.remove(hook);
  };
}
