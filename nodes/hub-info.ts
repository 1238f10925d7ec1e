import type { NodeAPI } from 'node-red';
import { registerOperation, wholeFlow, type HubNodeDef } from './runtime/node-kit.ts';

interface HubInfoDef extends HubNodeDef {
  what: 'info' | 'health' | 'methods' | 'discover' | 'backup';
}

/** What the hub says of itself, and a copy of it: `hub.info`, `hub.health`, `rpc.methods`, `rpc.discover`, `hub.backup`. */
export default function (RED: NodeAPI): void {
  registerOperation<HubInfoDef>(RED, 'llm-iot-hub-info', async (hub, message, { what }) => {
    const caller = message.rpc ? message.rpc.principal : wholeFlow;
    if (what === 'methods') return { payload: hub.describeMethods(caller) };
    if (what === 'discover') return { payload: hub.description.discover(caller) };
    if (what === 'backup') return { payload: await hub.backup() };
    return {
      payload: what === 'health' ? await hub.health() : await hub.info(message.rpc?.principal),
    };
  });
}
