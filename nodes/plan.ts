import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface PlanDef extends HubNodeDef {
  /** Id of a policy besides those that are always there. */
  policy?: string;
}

/** Tells what commands would do, and does nothing: `device.plan`. */
export default function (RED: NodeAPI): void {
  registerOperation<PlanDef>(RED, 'llm-iot-plan', ({ commands }, message, { policy }) => ({
    payload: commands.plan(paramsOf(message), message.rpc?.principal, policy || undefined),
  }));
}
