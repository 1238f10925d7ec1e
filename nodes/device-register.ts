import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';

/** Registers a device, or resumes its session (specification section 3.1). */
export default function (RED: NodeAPI): void {
  registerOperation(RED, 'llm-iot-device-register', async (hub, message) => {
    const result = await hub.devices.register(paramsOf(message), message.rpc?.principal);
    return { payload: result, device: hub.devices.get(result.device_id) };
  });
}
