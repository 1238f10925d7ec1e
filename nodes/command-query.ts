import type { NodeAPI } from 'node-red';
import { originOf, paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface CommandQueryDef extends HubNodeDef {
  operation: 'get' | 'list' | 'cancel' | 'revert';
  /** Id of a policy besides those that are always there, for what undoes a command. */
  policy?: string;
}

/** Looks commands up, cancels those that wait, undoes those that were carried out: `command.get`, `.list`, `.cancel`, `.revert`. */
export default function (RED: NodeAPI): void {
  registerOperation<CommandQueryDef>(
    RED,
    'llm-iot-command-query',
    async ({ commands }, message, { operation, policy }) => {
      const params = paramsOf(message);
      const principal = message.rpc?.principal;
      const origin = originOf(message);
      if (operation === 'list') return { payload: commands.list(params, principal) };
      if (operation === 'cancel')
        return { payload: await commands.cancel(params, principal, origin) };
      if (operation === 'revert')
        return { payload: await commands.revert(params, principal, policy || undefined, origin) };
      return { payload: commands.get(params, principal) };
    },
  );
}
