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
    if (operation === 'list') return { payload: hub.devices.list(params) };
    if (operation === 'sensors') return { payload: hub.devices.listSensors(params) };
    return { payload: hub.devices.view(params['device_id']) };
  });
}
