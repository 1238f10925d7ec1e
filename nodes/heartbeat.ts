import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';

/** Takes a sign of life, or a last will, of a device (specification sections 3.1 and 3.3). */
export default function (RED: NodeAPI): void {
  registerOperation(RED, 'llm-iot-heartbeat', async (hub, message) => {
    const result = await hub.presence.heartbeat({ ...message.device, ...paramsOf(message) });
    return { payload: result, device: { device_id: result.device_id } };
  });
}
