import type { NodeAPI } from 'node-red';
import { optionalBoolean } from './core/params.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, wholeFlow, type HubNodeDef } from './runtime/node-kit.ts';

interface KeyDef extends HubNodeDef {
  what:
    'create' | 'list' | 'rotate' | 'revoke' | 'disable' | 'enable' | 'lockdown' | 'signing_secret';
}

/** The keys of a hub: made, listed, rotated, revoked, switched off and on; and the switch that shuts out every LLM. */
export default function (RED: NodeAPI): void {
  registerOperation<KeyDef>(RED, 'llm-iot-key', async (hub, message, { what }) => {
    const params = paramsOf(message);
    const by = message.rpc?.principal ?? wholeFlow;
    const signing = optionalBoolean(params, 'signing') === true;
    const withSecret = async <K extends { key_id: string }>(made: K): Promise<K> => {
      if (!signing) return made;
      const { key_id } = made;
      return { ...made, ...(await hub.signing.issueSigningSecret({ key_id }, by)) };
    };
    switch (what) {
      case 'create':
        return { payload: await withSecret(await hub.createKey(params, by)) };
      case 'list':
        return { payload: hub.listKeys(params) };
      case 'rotate':
        return { payload: await withSecret(await hub.rotateKey(params, by)) };
      case 'revoke':
        return { payload: await hub.revokeKey(params, by) };
      case 'disable':
        return { payload: await hub.disableKey(params, by) };
      case 'enable':
        return { payload: await hub.enableKey(params, by) };
      case 'lockdown':
        return { payload: await hub.lockDown(params, by) };
      case 'signing_secret':
        return { payload: await hub.signing.issueSigningSecret(params, by) };
    }
  });
}
