import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';

/** Takes in a method a device offers (specification section 8.1). */
export default function (RED: NodeAPI): void {
  registerOperation(RED, 'llm-iot-method-register', async (hub, message) => ({
    payload: await hub.devices.seenBy(message.rpc?.principal).registerMethod(paramsOf(message)),
  }));
}
