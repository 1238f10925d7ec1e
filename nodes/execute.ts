import type { NodeAPI } from 'node-red';
import { originOf, paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface ExecuteDef extends HubNodeDef {
  mode: 'device' | 'batch' | 'method';
  /** Seconds; blank leaves it to the caller and the hub. */
  timeout: string | number;
  /** Id of a policy besides those that are always there; flows from before there were policies have none. */
  policy?: string;
}

/** Has a device, a batch of devices, or a device's own method carry out a command (sections 4.2, 8.1, 8.2). */
export default function (RED: NodeAPI): void {
  registerOperation<ExecuteDef>(
    RED,
    'llm-iot-execute',
    async (hub, message, { mode, timeout, policy }) => {
      const limit = Number(timeout) > 0 ? { timeout_ms: Number(timeout) * 1000 } : {};
      const params = { ...limit, ...paramsOf(message) };
      const by = [message.rpc?.principal, policy || undefined, originOf(message)] as const;
      if (mode === 'batch') return { payload: await hub.commands.executeBatch(params, ...by) };
      if (mode === 'device') return { payload: await hub.commands.execute(params, ...by) };
      const method = message.rpc?.method ?? message.topic ?? '';
      return { payload: await hub.commands.callMethod(method, paramsOf(message), ...by) };
    },
  );
}
