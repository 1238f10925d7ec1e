import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';

/** Names what hangs on a bus, or takes a sensor in under its MCU (specification section 3.2). */
export default function (RED: NodeAPI): void {
  registerOperation(RED, 'llm-iot-sensor-discover', async (hub, message) => ({
    payload: await hub.devices.seenBy(message.rpc?.principal).discoverSensor(paramsOf(message)),
  }));
}
