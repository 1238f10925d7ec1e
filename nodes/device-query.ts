import type { NodeAPI } from 'node-red';
import { showDevice, showDevices, showSensors } from './core/device/show.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface DeviceQueryDef extends HubNodeDef {
  operation: 'list' | 'get' | 'sensors';
}

/** Finds devices and sensors: `device.list`, `device.get`, `sensor.list`. */
export default function (RED: NodeAPI): void {
  registerOperation<DeviceQueryDef>(RED, 'llm-iot-device-query', (hub, message, { operation }) => {
    const params = paramsOf(message);
    const principal = message.rpc?.principal;
    const devices = hub.devices.seenBy(principal);
    if (operation === 'list') return { payload: showDevices(devices.list(params)) };
    if (operation === 'sensors')
      return { payload: showSensors(devices.listSensors(params), principal) };
    return { payload: showDevice(devices.view(params['device_id']), principal) };
  });
}
