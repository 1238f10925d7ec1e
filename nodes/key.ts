import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, wholeFlow, type HubNodeDef } from './runtime/node-kit.ts';

interface KeyDef extends HubNodeDef {
  what: 'create' | 'list' | 'rotate' | 'revoke' | 'disable' | 'enable' | 'lockdown';
}

/** The keys of a hub: made, listed, rotated, revoked, switched off and on; and the switch that shuts out every LLM. */
export default function (RED: NodeAPI): void {
  registerOperation<KeyDef>(RED, 'llm-iot-key', async (hub, message, { what }) => {
    const params = paramsOf(message);
    const by = message.rpc?.principal ?? wholeFlow;
    switch (what) {
      case 'create':
        return { payload: await hub.createKey(params, by) };
      case 'list':
        return { payload: hub.listKeys(params) };
      case 'rotate':
        return { payload: await hub.rotateKey(params, by) };
      case 'revoke':
        return { payload: await hub.revokeKey(params, by) };
      case 'disable':
        return { payload: await hub.disableKey(params, by) };
      case 'enable':
        return { payload: await hub.enableKey(params, by) };
      case 'lockdown':
        return { payload: await hub.lockDown(params, by) };
    }
  });
}
