import type { NodeAPI } from 'node-red';
import type { Principal } from './core/security/types.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

/** A message that is no call comes from the flow itself, which may see everything. */
const wholeFlow: Principal = { id: 'flow', role: 'llm_admin' };

interface HubInfoDef extends HubNodeDef {
  what: 'info' | 'health' | 'methods' | 'backup';
}

/** What the hub says of itself, and a copy of it: `hub.info`, `hub.health`, `rpc.methods`, `hub.backup`. */
export default function (RED: NodeAPI): void {
  registerOperation<HubInfoDef>(RED, 'llm-iot-hub-info', async (hub, message, { what }) => {
    if (what === 'methods')
      return { payload: hub.describeMethods(message.rpc ? message.rpc.principal : wholeFlow) };
    if (what === 'backup') return { payload: await hub.backup() };
    return {
      payload: what === 'health' ? await hub.health() : await hub.info(message.rpc?.principal),
    };
  });
}
