import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface DeviceQueryDef extends HubNodeDef {
  operation: 'list' | 'get' | 'sensors';
}

/** Finds devices and sensors: `device.list`, `device.get`, `sensor.list`. */
export default function (RED: NodeAPI): void {
  registerOperation<DeviceQueryDef>(RED, 'llm-iot-device-query', (hub, message, { operation }) => {
    const params = paramsOf(message);
    const devices = hub.devices.seenBy(message.rpc?.principal);
    if (operation === 'list') return { payload: devices.list(params) };
    if (operation === 'sensors') return { payload: devices.listSensors(params) };
    return { payload: devices.view(params['device_id']) };
  });
}
