import type { NodeAPI } from 'node-red';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface HubInfoDef extends HubNodeDef {
  what: 'info' | 'health' | 'methods';
}

/** What the hub says of itself: `hub.info`, `hub.health`, `rpc.methods`. */
export default function (RED: NodeAPI): void {
  registerOperation<HubInfoDef>(RED, 'llm-iot-hub-info', async (hub, message, { what }) => {
    if (what === 'methods') return { payload: hub.describeMethods(message.rpc?.principal) };
    return { payload: what === 'health' ? await hub.health() : await hub.info() };
  });
}
